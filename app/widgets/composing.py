"""Blocks of single passages: building them, and what linking them gives and costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd
import streamlit as st

from app import state
from app.widgets.jobs import results_of
from app.widgets.text import escape
from app.words import t
from core import pipeline
from core.figures.units import size
from core.jobs import Progress, Work
from core.methods.composed import Composed
from core.methods.resources import Resources
from core.turns import until_turn
from core.workspace import Workspace

BUILD = "Building the blocks of passages"
COMPARE = "Comparing joined blocks with the full prefill"
_COUNTS = (0, 8, 16, 32, None)


def panel(ws: Workspace, busy: bool) -> None:
    """State of the blocks, the button that builds them, and a question to compare with."""
    st.subheader(t("Blocks of single passages"), anchor=False)
    st.caption(
        t(
            "A cell's cache brings along the whole cell. A block is one passage, computed behind the prompt's head "
            "alone: blocks of several cells can be moved and joined for one question, which is what composed CAG does."
        )
    )
    blocks = ws.state("blocks")
    _build(ws, blocks.status, busy)
    if blocks.status != "ready":
        if blocks.status == "stale":
            st.warning(
                t("These blocks are out of date: {why}.", why=escape(t(blocks.reason))), icon=":material/history:"
            )
        return
    params = blocks.manifest.params if blocks.manifest else {}
    with st.container(horizontal=True, gap="large"):
        st.metric(t("Blocks"), f"{params.get('passages', 0):,}", width="content")
        st.metric(t("Tokens"), f"{params.get('tokens', 0):,}", width="content")
        st.metric(t("On disk"), size(params.get("bytes", 0)), width="content")
    _ask(ws, busy)
    points = results_of(ws, COMPARE)
    if points:
        _table(points)


def _build(ws: Workspace, status: str, busy: bool) -> None:
    ready = status == "ready"
    st.button(
        t("All blocks are built") if ready else t("Build blocks"),
        icon=":material/check:" if ready else ":material/construction:",
        key="blocks-build",
        disabled=busy or ready,
        on_click=state.start_job,
        args=(ws.name, BUILD, _blocks),
    )


def _ask(ws: Workspace, busy: bool) -> None:
    with st.form("link-form", border=False):
        question = st.text_input(
            t("A question to compare joined blocks with the full prefill"),
            key="link-question",
            help=t(
                "The first tokens of every joined block can be computed anew, so that it sees what stands before it."
            ),
        )
        asked = st.form_submit_button(t("Compare"), icon=":material/link:", disabled=busy)
    if asked and question.strip():
        state.start_job(ws.name, COMPARE, lambda target: _compare(target, question))
        st.rerun()
    elif asked:
        st.info(t("Type a question first."), icon=":material/edit:")


def _blocks(ws: Workspace) -> Work:
    yield from pipeline.blocks(ws, state.models())


def _compare(ws: Workspace, question: str) -> Work:
    models = state.models()
    with models.lock.ticket() as ticket:
        yield from until_turn(ticket, 0, len(_COUNTS))
        yield Progress("Comparing link tokens", 0, len(_COUNTS), "the full prefill first")
        method = Composed(Resources(ws, models))
        for done, point in enumerate(method.sweep(question, _COUNTS), start=1):
            yield Progress("Comparing link tokens", done, len(_COUNTS), point.answer, asdict(point))


def _table(points: Sequence[Mapping[str, Any]]) -> None:
    st.caption(
        t(
            "KL is how far the next word's probabilities are from those of a full prefill of the same passages, in "
            "nats. All tokens linked is that prefill."
        )
    )
    rows = [
        {
            "link": t("all") if point["link_tokens"] is None else str(point["link_tokens"]),
            "recomputed": point["recomputed"],
            "reused": point["reused"],
            "kl": f"{point['kl']:.2e}",
            "ms": point["ttft_ms"],
            "answer": point["answer"] or t("(nothing)"),
            "same": t("✓ the same") if point["same"] else t("another"),
        }
        for point in points
    ]
    number = st.column_config.NumberColumn
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        key="link-points",
        column_config={
            "link": t("Link tokens"),
            "recomputed": number(t("Computed anew"), format="localized"),
            "reused": number(t("Reused"), format="localized"),
            "kl": "KL",
            "ms": number(t("First token (ms)"), format="%.0f"),
            "answer": t("Answer"),
            "same": t("As the full prefill"),
        },
    )
