"""The account of a comparison: building and asking together, over as many questions as one likes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import streamlit as st

from app import state
from app.figures.ledger import describe_ledger, ledger_figure
from app.i18n import duration, t, tn
from app.open_methods import resources_of
from app.views.shared.chart import chart
from app.views.shared.table import show_table
from core.cost import Account, build_time
from core.evaluation.variants import expected_inputs
from core.methods import registry
from core.methods.base import two_models
from core.methods.comparison import Run
from core.units import milliseconds, seconds
from core.workspace import Workspace

_COUNTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 50_000)


def accounts_of(run: Run, ws: Workspace) -> list[Account]:
    """What each method that answered took to build, beside what it took to answer: the median where it was repeated.

    Controls are left out: they are fast at no use; so is who answers with two models: whose times would these be?
    """
    names = [
        name
        for name, answer in run.answers.items()
        if registry.METHODS[name].role != "control" and two_models(answer.details) is None
    ]
    if not names:
        return []
    choices = run.choices
    inputs = expected_inputs(resources_of(ws, choices))
    accounts = []
    for name in names:
        spec = registry.METHODS[name].on(state.settings())
        traces = run.repeats.get(name) or [run.answers[name].trace]
        build_s = build_time(ws, spec.builds, choices.store, inputs)
        times = tuple(trace.total_ms for trace in traces)
        accounts.append(replace(Account.measured(name, t(spec.label), build_s, times), single_ms=times))
    return accounts


def break_evens(accounts: Sequence[Account]) -> Iterator[str]:
    """For every method that takes longer to build than RAG: how much longer, and when that pays, if clocks tell."""
    baseline = next((account for account in accounts if account.method == registry.BASELINE), None)
    if baseline is None:
        return
    for account in accounts:
        break_even = account.against(baseline)
        if break_even.build_s <= 0:
            continue
        if not account.told_apart(baseline):
            n = min(len(account.single_ms), len(baseline.single_ms))
            yield tn(
                n,
                "**{method}** took {time} more to build than RAG. Whether it saves time on this question, one "
                "measurement of {ours} against {rag} does not tell: measure it several times.",
                "**{method}** took {time} more to build than RAG. Whether it saves time on this question, {n} "
                "measurements of about {ours} against {rag} do not tell.",
                method=account.label,
                time=duration(break_even.build_s),
                ours=seconds(account.question_ms),
                rag=seconds(baseline.question_ms),
            )
        elif break_even.questions is None:
            yield t(
                "**{method}** took {time} more to build than RAG and was {lost} slower on this question: at this rate "
                "it never pays off.",
                method=account.label,
                time=duration(break_even.build_s),
                lost=milliseconds(-break_even.saving_ms),
            )
        else:
            yield t(
                "**{method}** took {time} more to build than RAG and saved {saved} on this question: at that rate it "
                "pays off after **{n:,} questions**.",
                method=account.label,
                time=duration(break_even.build_s),
                saved=milliseconds(break_even.saving_ms),
                n=break_even.questions,
            )


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
        show_table(
            [
                {
                    t("Method"): account.label,
                    t("Build"): duration(account.build_s),
                    t("one question (ms)"): round(account.question_ms),
                    t("{n:,} questions", n=count): duration(account.total_s(count)),
                }
                for account in accounts
            ],
            f"{key}_table",
        )
