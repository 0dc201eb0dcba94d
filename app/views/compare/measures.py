"""What a run cost: the timing chart beside the answers, more of the same below, and the run measured again."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pandas as pd
import streamlit as st

from app import state
from app.figures.counts import bytes_figure, describe_counts, tokens_figure
from app.figures.timing import MethodTiming, describe_timing, timing_figure
from app.i18n import saved, t
from app.open_methods import opener
from app.run_rows import disturbance, table, timings
from app.views.compare.break_even import accounts_of, break_evens, ledger_panel
from app.views.compare.race import race
from app.views.compare.read import what_was_read
from app.views.shared.chart import chart
from app.views.shared.table import choose_view, show_table
from app.views.shared.text import unbroken
from core.methods.comparison import Run
from core.methods.registry import METHODS
from core.methods.repeat import TIMES, repeat
from core.methods.saved_runs import save_run
from core.workspace import Workspace

NUMBERS, READ, RACE, ACCOUNT = "The numbers", "What the model read", "Replay as a race", "Over many questions"
_COUNTS = {"prefilled": "Prefilled", "cached": "Cached", "generated": "Generated"}
_ICONS = {NUMBERS: "table", READ: "article", RACE: "sprint", ACCOUNT: "balance"}


def show_clocks(run: Run, ws: Workspace) -> None:
    """The timing chart, what it was measured on, and the button that measures again."""
    if rows := _rows(run):
        chart(timing_figure(rows), key="timing", alt=describe_timing(rows))
        _measured_on(run)
        if st.button(
            t("Measure {n} times", n=TIMES),
            key="repeat-run",
            icon=":material/repeat:",
            help=t(
                "A single measurement says little. Every round asks each method once, so that a slow minute hits them "
                "all; the page then shows medians. Any click stops it; what was measured stays."
            ),
        ):
            _measure(run, ws)


def show_more(run: Run, ws: Workspace) -> None:
    """Below the answers: numbers, what was read, a replay, or the account; nothing when no method has answered."""
    if not run.answers:
        return
    view = choose_view(t("More"), _ICONS, "more", default=NUMBERS)
    if view == READ:
        what_was_read(run, ws)
    elif view == RACE:
        race(run)
    elif view == ACCOUNT:
        ledger_panel(run, ws, "ledger")
    else:
        _numbers(run, ws)


def _rows(run: Run) -> list[MethodTiming]:
    return [replace(row, label=t(row.label)) for row in timings(run)]


def _measure(run: Run, ws: Workspace) -> None:
    bar = st.progress(0.0, text=t("Opening the methods, not timed"))
    with closing(repeat(run, opener(ws, run.choices), state.models().lock)) as work:
        for progress in work:
            bar.progress(progress.done / progress.total, text=f"{t(progress.stage)}: {t(progress.note)}")
    save_run(ws, run)
    st.rerun()


def _numbers(run: Run, ws: Workspace) -> None:
    rows = _rows(run)
    spread = t("Medians of n measurements, with the fastest and the slowest.") if run.repeats else ""
    units = t("Times in milliseconds, counts in tokens. A dash: the method has no such step.")
    st.caption(f"{units} {spread}")
    show_table(_transposed(run), "numbers", placeholder="–", height="content", alt=describe_timing(rows))
    for sentence in break_evens(accounts_of(run, ws)):
        st.markdown(f":material/balance: {sentence}")
    left, right = st.columns(2, gap="large")
    with left:
        tokens = t("Tokens: prefilled now, taken from a stored KV cache, generated. Prefilled tokens cost the time.")
        st.caption(f"{tokens} {_vectors_of(run)}")
        chart(tokens_figure(rows), key="tokens", alt=describe_counts(rows))
    with right:
        st.caption(
            t("Bytes read for this question: the index and passages, the KV blocks, or the keys that route over Z.")
        )
        chart(bytes_figure(rows), key="bytes", alt=describe_counts(rows))


def _vectors_of(run: Run) -> str:
    """What the tokens of a method are that reads no text."""
    if not any(METHODS[name].reads_z for name in run.answers):
        return ""
    return t("A vector of z counts as a token: *read z* prefills those that are read.")


def _measured_on(run: Run) -> None:
    if run.context is None:
        return
    context, n = run.context, max((len(traces) for traces in run.repeats.values()), default=1)
    model = "{model} with the reader adapter" if context.reader else "{model}" if run.served else "{model} plain"
    read = t(model, model=context.model)
    how = t(
        "One clock for all: from the question to the last token. Greedy, one after another, opened and warmed before; "
        "n = {n}.",
        n=n,
    )
    measured = f"{read} · {context.encoder} · {saved(context.device)} · {context.dtype}. {how} {t(disturbance(run))}"
    st.caption(unbroken(measured))


def _transposed(run: Run) -> pd.DataFrame:
    """A row for each number, a column for each method: methods are few, numbers many."""
    methods = table(run)
    names = [name for name in methods[0] if name != "method"]
    shown: dict[str, list[str | None]] = {t("Number"): [_heading(name) for name in names]}
    return pd.DataFrame(shown | {t(row["method"]): [_number(name, row[name]) for name in names] for row in methods})


def _number(name: str, value: float | None) -> str | None:
    if value is None:
        return None
    return f"{value:,.2f}" if name == "MB read" else f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def _heading(name: str) -> str:
    translated = t(_COUNTS.get(name, name))
    return name[0].upper() + name[1:] if translated == name and len(name) > 1 else translated
