"""Thumbs and a note under every answer, and the methods ranked by them."""

from __future__ import annotations

from dataclasses import asdict

import streamlit as st

from app import state
from app.i18n import t, tn
from app.views.shared.download import download
from app.views.shared.frame import show_damaged, show_failure
from app.views.shared.table import show_table
from app.views.shared.text import escape
from core.evaluation.feedback import NOTE_LIMIT, Feedback, Rating, feedback_log, rank, to_csv, to_json
from core.methods.answer_cache import cache_sentence
from core.methods.base import Answer
from core.methods.comparison import Run
from core.methods.registry import METHODS
from core.workspace import Workspace

_JUDGED = "judged_answers"
_PROBLEM = "feedback_problem"
_THUMBS: tuple[tuple[Rating, str, str, str], ...] = (
    (1, "thumb_up", "Good answer", "Good answer: your judgement"),
    (-1, "thumb_down", "Poor answer", "Poor answer: your judgement"),
)


def under_answer(ws: Workspace, run: Run, name: str) -> None:
    """What stands under an answer: whether it came from the answer cache, and what the person thinks of it."""
    answer = run.answers[name]
    if answer.details.get("cache") in ("exact", "semantic"):
        st.badge(
            t("from the answer cache"), icon=":material/bolt:", color="orange", help=t("Nothing was read or generated.")
        )
        st.caption(escape(t(cache_sentence(answer.details))))
    feedback_buttons(ws, run, name)


def feedback_buttons(ws: Workspace, run: Run, name: str) -> None:
    """Thumbs up, thumbs down, and room for a note once one of them was pressed."""
    answer = run.answers[name]
    judged: dict[str, Feedback] = st.session_state.setdefault(_JUDGED, {})
    known = judged.get(_judgement(run, answer, 1).id)
    with st.container(horizontal=True, gap="small", key=f"feedback-{name}"):
        for rating, icon, word, chosen_word in _THUMBS:
            chosen = known is not None and known.rating == rating
            st.button(
                "",
                icon=f":material/{icon}:",
                key=f"judge-{name}-{rating}",
                type="primary" if chosen else "tertiary",
                help=t(chosen_word) if chosen else t(word),
                on_click=_judge,
                args=(ws, _judgement(run, answer, rating, known.note if known else "")),
            )
        if known:
            with st.popover(t("Note") if not known.note else t("Note kept"), icon=":material/edit_note:"):
                _note(ws, run, name, known)
    if problem := state.refusal(f"{_PROBLEM}-{name}"):
        show_failure(*problem)


def feedback_board(ws: Workspace) -> None:
    """Methods by what people thought of their answers, and everything to take away.

    Raises:
        TesseraError: The log cannot be read.
    """
    log = feedback_log(ws, state.settings()).all()
    feedback = log.feedback
    if log.damaged:
        show_damaged(log.damaged)
    if not feedback:
        nothing = t("No answer in this workspace has been judged yet: use the thumbs under an answer.")
        st.caption(f":material/thumbs_up_down: {nothing}")
        return
    ranked_by = t(
        "Ranked by the lower end of the 95 % Wilson interval, so that one lucky vote does not lead; intervals that "
        "overlap are no difference."
    )
    st.caption(f"{tn(len(feedback), '{n:,} judgement.', '{n:,} judgements.')} {ranked_by}")
    ranked = [
        {
            "method": t(METHODS[entry.method].label) if entry.method in METHODS else entry.method,
            "lower": 100 * entry.lower,
            "good": 100 * entry.up / entry.n,
            "interval": t("{low:.0%} to {high:.0%}", low=entry.lower, high=entry.upper),
            "n": entry.n,
        }
        for entry in rank(feedback)
    ]
    columns = st.column_config
    show_table(
        ranked,
        "feedback-ranks",
        {
            "method": t("Method"),
            "lower": columns.ProgressColumn(t("At least"), format="%.0f %%", min_value=0, max_value=100),
            "good": (t("Thumbs up"), "%.0f %%"),
            "interval": t("95 % interval"),
            "n": columns.NumberColumn("n"),
        },
    )
    with st.container(horizontal=True, gap="small"):
        download("CSV", to_csv(feedback), "tessera-feedback.csv", "feedback-csv")
        download("JSON", to_json(feedback), "tessera-feedback.json", "feedback-json")
    with st.expander(t("All judgements"), icon=":material/list:"):
        _all(feedback)


def _all(feedback: list[Feedback]) -> None:
    rows = [
        {
            "": "👍" if entry.rating > 0 else "👎",
            t("Method"): entry.method,
            t("question"): entry.question,
            t("answer"): entry.answer,
            t("note"): entry.note,
            t("given"): entry.given,
        }
        for entry in reversed(feedback)
    ]
    show_table(rows, "feedback-all")


def _note(ws: Workspace, run: Run, name: str, known: Feedback) -> None:
    with st.form(f"note-{name}", border=False):
        text = st.text_area(t("Why?"), known.note, max_chars=NOTE_LIMIT, key=f"note-text-{name}")
        if st.form_submit_button(t("Keep"), icon=":material/save:"):
            _judge(ws, _judgement(run, run.answers[name], known.rating, text))
            st.rerun()


def _judge(ws: Workspace, feedback: Feedback) -> None:
    with state.refusing(f"{_PROBLEM}-{feedback.method}"):
        feedback_log(ws, state.settings()).add(feedback)
        st.session_state.setdefault(_JUDGED, {})[feedback.id] = feedback


def _judgement(run: Run, answer: Answer, rating: Rating, note: str = "") -> Feedback:
    settings = {
        **(asdict(run.context) if run.context else {}),
        "top_k": run.choices.top_k,
        "store": answer.details.get("store", ""),
        "cache": answer.details.get("cache", ""),
    }
    return Feedback(run.choices.question, answer.method, answer.text, rating, note.strip(), settings, run.asked)
