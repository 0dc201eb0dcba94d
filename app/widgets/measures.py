"""What a run cost: timing chart, tokens and bytes, the same numbers as a table, and when a build pays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from app.asking import Run
from app.run_rows import span_names, table, timings
from app.widgets.accounts import ledger_panel
from app.widgets.chart import chart
from app.widgets.repeats import repeat_panel
from app.words import duration, t
from core.evaluation.ledger import break_even
from core.figures.counts import bytes_figure, describe_counts, tokens_figure
from core.figures.timing import ArmTiming, describe_timing, timing_figure
from core.figures.units import milliseconds
from core.methods import registry
from core.workspace import Workspace

_BASELINE = "rag"
_BUILT_FOR = {"cag": "caches", "memory": "memory"}


def show_measures(run: Run, ws: Workspace) -> None:
    """Everything measured in a run; draws nothing when no arm has answered."""
    rows = [replace(row, label=t(row.label)) for row in timings(run)]
    if not rows:
        return
    if run.choices.race:
        st.info(
            t(
                "A race is not for timing: the arms shared the device and waited for each other. Ask without it to "
                "measure."
            ),
            icon=":material/timer_off:",
        )
    else:
        _times(run, rows)
    st.subheader(t("What it read and wrote"), anchor=False)
    left, right = st.columns(2, gap="large")
    with left:
        st.caption(t("Tokens: prefilled now, taken from a stored KV cache, generated. Prefilled tokens cost the time."))
        chart(tokens_figure(rows), key="tokens", alt=describe_counts(rows))
    with right:
        st.caption(t("Bytes read for this question: the index and passages, the cell's KV cache, or Z."))
        chart(bytes_figure(rows), key="bytes", alt=describe_counts(rows))
    st.subheader(t("The numbers"), anchor=False)
    units = t("Counts in tokens. A dash: the arm has no such step.")
    st.caption(units if run.choices.race else f"{t('Times in milliseconds.')} {units}")
    st.dataframe(
        pd.DataFrame([{**row, "arm": t(row["arm"])} for row in table(run)]),
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
    with st.expander(t("Over many questions"), icon=":material/balance:"):
        ledger_panel(run, ws, "ledger")
    st.subheader(t("Measured again"), anchor=False)
    repeat_panel(run, ws)


def _times(run: Run, rows: list[ArmTiming]) -> None:
    st.subheader(t("Where the time went"), anchor=False)
    st.caption(
        t(
            "One row per arm, one clock for all: it starts when the question is asked, before routing or retrieval, "
            "and ends with the last token. A span too short to see is drawn a little wider; the number beside it is "
            "the truth."
        )
    )
    chart(timing_figure(rows), key="timing", alt=describe_timing(rows))
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
        arm, time = t(registry.METHODS[name].label), duration(build_s)
        if account.questions is None:
            yield t(
                "**{arm}** took {time} to build and was {lost} slower than RAG on this question: so far, never.",
                arm=arm,
                time=time,
                lost=milliseconds(-account.saving_ms),
            )
        else:
            yield t(
                "**{arm}** took {time} to build and saved {saved} on this question: at that rate it pays off after "
                "**{n:,} questions**.",
                arm=arm,
                time=time,
                saved=milliseconds(account.saving_ms),
                n=account.questions,
            )


def _measured_on(run: Run) -> None:
    if run.ground is None:
        return
    ground = run.ground
    read = t("{model} with the reader adapter" if ground.reader else "{model} plain", model=ground.model)
    how = t("greedy · n = 1, one measurement per arm, one after another, methods opened and warmed before the clock")
    st.caption(f":material/memory: {read} · {ground.encoder} · {t(ground.device)} · {ground.dtype} · {how}")


def _columns(run: Run) -> dict[str, Any]:
    number = st.column_config.NumberColumn
    times: Sequence[str] = ("first token", "last token", *span_names(run))
    counts = {"prefilled": t("Prefilled"), "cached": t("Cached"), "generated": t("Generated")}
    return {
        "arm": st.column_config.TextColumn(t("Arm"), pinned=True),
        **{name: number(_heading(name), format="%.1f") for name in times},
        **{name: number(heading, format="localized") for name, heading in counts.items()},
        "MB read": number(t("MB read"), format="%.2f"),
    }


def _heading(name: str) -> str:
    told = t(name)
    return name.capitalize() if told == name else told
