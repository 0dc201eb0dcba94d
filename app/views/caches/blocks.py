"""What independent blocks lose against the full prefill, and what link tokens take back: for teaching."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import streamlit as st

from app import state
from app.i18n import t
from app.views.shared.jobs import results_of
from app.views.shared.table import show_table
from core.fair_lock import until_turn
from core.jobs import Progress, Work
from core.labs.benchmarks.link_tokens import sweep
from core.methods.resources import Resources
from core.workspace import Workspace

COMPARE = "Comparing joined blocks with the full prefill"
_COUNTS = (0, 8, 16, 32, None)


def panel(ws: Workspace, busy: bool) -> None:
    """A question to compare with, and what came of it."""
    st.subheader(t("What a block does not know"), anchor=False)
    st.caption(
        t(
            "A block is one passage, computed behind the prompt's head alone: it has not seen the passages beside it. "
            "The reader adapter is trained to read such blocks. Here you see how far they are from the full prefill, "
            "and how the first tokens of each block, computed anew, take the difference back."
        )
    )
    _ask(ws, busy)
    points = results_of(ws, COMPARE)
    if points:
        _table(points)


def _ask(ws: Workspace, busy: bool) -> None:
    with st.form("link-form", border=False):
        question = st.text_input(
            t("A question to compare joined blocks with the full prefill"),
            key="link-question",
            help=t(
                "The first tokens of every joined block can be computed anew, so that it sees what stands before it."
            ),
        )
        submitted = st.form_submit_button(
            t("Compare"), icon=":material/link:", disabled=busy, on_click=_start, args=(ws.name,)
        )
    if submitted and not question.strip():
        st.info(t("Type a question first."), icon=":material/edit:")


def _start(workspace: str) -> None:
    """Starts as it is pressed: by the time the page is drawn, another's job may have disabled the button."""
    question = st.session_state["link-question"]
    if question.strip():
        state.start_question(workspace, COMPARE, lambda target: _compare(target, question))


def _compare(ws: Workspace, question: str) -> Work:
    models = state.models()
    with models.lock.ticket() as ticket:
        yield from until_turn(ticket, 0, len(_COUNTS))
        yield Progress("Comparing link tokens", 0, len(_COUNTS), "the full prefill first")
        resources = Resources(ws, models, state.settings())
        for done, point in enumerate(sweep(resources, question, _COUNTS), start=1):
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
    show_table(
        rows,
        "link-points",
        {
            "link": t("Link tokens"),
            "recomputed": (t("Computed anew"), "localized"),
            "reused": (t("Reused"), "localized"),
            "kl": "KL",
            "ms": (t("First token (ms)"), "%.0f"),
            "answer": t("Answer"),
            "same": t("As the full prefill"),
        },
    )
