"""What a run cost: timing chart, tokens and bytes, the same numbers as a table, and when a build pays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from app.asking import Run
from app.run_rows import span_names, table, timings
from app.widgets.accounts import ledger_panel
from app.widgets.repeats import repeat_panel
from core.evaluation.ledger import break_even
from core.figures.counts import bytes_figure, describe_counts, tokens_figure
from core.figures.timing import ArmTiming, describe_timing, timing_figure
from core.figures.units import duration, milliseconds
from core.methods import registry
from core.workspace import Workspace

_STATIC = {"displayModeBar": False}
_BASELINE = "rag"
_BUILT_FOR = {"cag": "caches", "memory": "memory"}


def show_measures(run: Run, ws: Workspace) -> None:
    """Everything measured in a run; draws nothing when no arm has answered."""
    rows = timings(run)
    if not rows:
        return
    if run.choices.race:
        st.info(
            "A race is not for timing: the arms shared the device and waited for each other. Ask without it to "
            "measure.",
            icon=":material/timer_off:",
        )
    else:
        _times(run, rows)
    st.subheader("What it read and wrote", anchor=False)
    left, right = st.columns(2, gap="large")
    with left:
        st.caption("Tokens: prefilled now, taken from a stored KV cache, generated. Prefilled tokens cost the time.")
        st.plotly_chart(tokens_figure(rows), key="tokens", config=_STATIC, alt=describe_counts(rows))
    with right:
        st.caption("Bytes read for this question: the index and passages, the cell's KV cache, or Z.")
        st.plotly_chart(bytes_figure(rows), key="bytes", config=_STATIC, alt=describe_counts(rows))
    st.subheader("The numbers", anchor=False)
    times = "" if run.choices.race else "Times in milliseconds. "
    st.caption(f"{times}Counts in tokens. A dash: the arm has no such step.")
    st.dataframe(
        pd.DataFrame(table(run)),
        hide_index=True,
        key="numbers",
        placeholder="–",
        column_config=_columns(run),
        alt=describe_counts(rows) if run.choices.race else describe_timing(rows),
    )
    if run.choices.race:
        return
    for sentence in ledger(run, ws):
        st.markdown(f":material/balance: {sentence}")
    with st.expander("Over many questions", icon=":material/balance:"):
        ledger_panel(run, ws, "ledger")
    st.subheader("Measured again", anchor=False)
    repeat_panel(run, ws)


def _times(run: Run, rows: list[ArmTiming]) -> None:
    st.subheader("Where the time went", anchor=False)
    st.caption(
        "One row per arm, one clock for all: it starts when the question is asked, before routing or retrieval, and "
        "ends with the last token. A span too short to see is drawn a little wider; the number beside it is the truth."
    )
    st.plotly_chart(timing_figure(rows), key="timing", config=_STATIC, alt=describe_timing(rows))
    _measured_on(run)


def ledger(run: Run, ws: Workspace) -> Iterator[str]:
    """For every arm that builds something RAG does not need: what it took, and when that pays."""
    if _BASELINE not in run.answers:
        return
    baseline = run.answers[_BASELINE].trace.total_ms
    for name, kind in _BUILT_FOR.items():
        manifest = ws.manifest(kind)
        if name not in run.answers or manifest is None:
            continue
        # A shipped memory is installed in no time: what counts is how long it was trained.
        build_s = float(manifest.params.get("train_s") or manifest.params.get("build_s") or manifest.build_s)
        account = break_even(build_s, baseline, run.answers[name].trace.total_ms)
        label = f"**{registry.METHODS[name].label}** took {duration(build_s)} to build"
        if account.questions is None:
            yield f"{label} and was {milliseconds(-account.saving_ms)} slower than RAG on this question: so far, never."
        else:
            yield (
                f"{label} and saved {milliseconds(account.saving_ms)} on this question: at that rate it pays off after "
                f"**{account.questions:,} questions**."
            )


def _measured_on(run: Run) -> None:
    if run.ground is None:
        return
    ground = run.ground
    reader = "with the reader adapter" if ground.reader else "plain"
    st.caption(
        f":material/memory: {ground.model} {reader} · {ground.encoder} · {ground.device} · {ground.dtype} · "
        "greedy · n = 1, one measurement per arm, one after another, methods opened and warmed before the clock"
    )


def _columns(run: Run) -> dict[str, Any]:
    number = st.column_config.NumberColumn
    times: Sequence[str] = ("first token", "last token", *span_names(run))
    counts = ("prefilled", "cached", "generated")
    return {
        "arm": st.column_config.TextColumn("Arm", pinned=True),
        **{name: number(name.capitalize(), format="%.1f") for name in times},
        **{name: number(name.capitalize(), format="localized") for name in counts},
        "MB read": number("MB read", format="%.2f"),
    }
