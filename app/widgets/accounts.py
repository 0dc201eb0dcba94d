"""The account of a comparison: building and asking together, over as many questions as one likes."""

from __future__ import annotations

import streamlit as st

from app.asking import Run
from app.widgets.chart import chart
from app.words import duration, t
from core.evaluation.ledger import Account
from core.evaluation.repeats import spread
from core.figures.ledger import describe_ledger, ledger_figure
from core.methods import registry
from core.workspace import Workspace

_COUNTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 50_000)
_BUILDS = {"index": ("embeddings", "index"), "caches": ("partition", "caches"), "memory": ("memory",)}


def accounts_of(run: Run, ws: Workspace) -> list[Account]:
    """What each arm that answered took to build, beside what it took to answer: the median where it was repeated.

    Controls are left out: they are fast at no use.
    """
    accounts = []
    for name, answer in run.answers.items():
        spec = registry.METHODS[name]
        if spec.role == "control":
            continue
        traces = run.repeats.get(name) or [answer.trace]
        asked = spread([trace.total_ms for trace in traces]).median
        accounts.append(Account(name, t(spec.label), _build_s(spec.needs, ws), asked))
    return accounts


def ledger_panel(run: Run, ws: Workspace, key: str) -> None:
    """The chart, its slider, and the same as a sentence and a table."""
    accounts = accounts_of(run, ws)
    if len(accounts) < 2:
        return
    count = st.select_slider(t("Questions asked in all"), _COUNTS, 100, key=key, format_func=lambda n: f"{n:,}")
    words = describe_ledger(accounts, count)
    chart(ledger_figure(accounts, count), key=f"{key}_chart", alt=words)
    st.markdown(f":material/balance: {t(words)}")
    with st.expander(t("As a table"), icon=":material/table:"):
        st.dataframe(
            [
                {
                    t("arm"): account.label,
                    t("to build"): duration(account.build_s),
                    t("one question (ms)"): round(account.question_ms),
                    t("{n:,} questions", n=count): duration(account.total_s(count)),
                }
                for account in accounts
            ],
            hide_index=True,
            key=f"{key}_table",
        )


def _build_s(needs: tuple[str, ...], ws: Workspace) -> float:
    """Seconds of what an arm needs beyond the corpus. A shipped memory counts what its training took."""
    total = 0.0
    for kind in dict.fromkeys(kind for need in needs for kind in _BUILDS.get(need, ())):
        manifest = ws.manifest(kind)
        if manifest:
            total += float(manifest.params.get("train_s") or manifest.params.get("build_s") or manifest.build_s)
    return total
