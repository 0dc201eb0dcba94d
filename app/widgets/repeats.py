"""Repeated measurement on the Compare page: the button, the marks, the table."""

from __future__ import annotations

from contextlib import closing

import streamlit as st

from app import state
from app.asking import Run
from app.opening import opener
from app.repeating import TIMES, repeat
from app.widgets.chart import chart
from app.words import t
from core.evaluation.repeats import spread
from core.figures.spread import Repeats, describe_spread, spread_figure
from core.methods import registry
from core.workspace import Workspace


def repeat_panel(run: Run, ws: Workspace) -> None:
    """One measurement is an anecdote: the same question, some more times, with median and spread."""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="repeat"):
        pressed = st.button(t("Measure {n} times", n=TIMES), key="repeat-run", icon=":material/repeat:")
        st.caption(
            t(
                "One measurement is an anecdote. Every round asks each arm once, so that a slow minute hits them all. "
                "Any click stops it; what was measured stays."
            ),
            width="stretch",
        )
    if pressed:
        _measure(run, ws)
    if run.repeats:
        _shown(run)


def rows_of(run: Run) -> list[Repeats]:
    """The repeats of a run, in the order in which its arms ran."""
    return [
        Repeats(
            name,
            t(registry.METHODS[name].label),
            tuple(trace.ttft_ms for trace in run.repeats[name]),
            tuple(trace.total_ms for trace in run.repeats[name]),
        )
        for name in run.choices.methods
        if run.repeats.get(name)
    ]


def _measure(run: Run, ws: Workspace) -> None:
    bar = st.progress(0.0, text=t("Opening the arms, not timed"))
    with closing(repeat(run, opener(ws, run.choices), state.models().lock)) as work:
        for progress in work:
            bar.progress(progress.done / progress.total, text=f"{t(progress.stage)}: {t(progress.note)}")
    bar.empty()


def _shown(run: Run) -> None:
    rows = rows_of(run)
    words = describe_spread(rows)
    chart(spread_figure(rows), key="repeats", alt=words)
    st.caption(t("Every mark is one answer: open marks the first token, filled ones the last. Bars are medians."))
    table = []
    for row in rows:
        first, total = spread(row.first_ms), spread(row.total_ms)
        table.append(
            {
                t("arm"): row.label,
                "n": total.n,
                t("first token, median"): round(first.median, 1),
                t("first token, spread"): t("{low:,.0f} to {high:,.0f}", low=first.low, high=first.high),
                t("last token, median"): round(total.median, 1),
                t("last token, spread"): t("{low:,.0f} to {high:,.0f}", low=total.low, high=total.high),
            }
        )
    st.dataframe(table, hide_index=True, key="repeats_table")
