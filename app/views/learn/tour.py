"""Navigation of the tour: table of contents, previous and next, and the question that goes along."""

from __future__ import annotations

import streamlit as st

from app import state
from app.i18n import t
from app.learn.registry import STEPS
from app.views.learn.predict import guesses
from core.corpus.types import Corpus, Question
from core.evaluation.lessons import suggestions
from core.workspace import Workspace

END = "end"
"""Address of the last page: five questions to check oneself."""
_STEP, _QUESTION = "learn_step", "learn_question"
_OFFERED = 12


def names() -> list[str]:
    """Addresses of all steps, and of the end."""
    return [*(step.name for step in STEPS), END]


def current_step() -> int:
    """Number of the step: where this session stands, else what the link says, else the first."""
    name = st.session_state.get(_STEP) or st.query_params.get("step", "")
    number = names().index(name) if name in names() else 0
    st.session_state[_STEP] = st.query_params["step"] = names()[number]
    return number


def contents(number: int) -> None:
    """All steps; those that were looked into have a mark."""
    with st.container(key="learn-contents"):
        for i, title in enumerate(_titles()):
            st.button(
                f"{i + 1}. {title}" if i < len(STEPS) else title,
                key=f"learn-to-{names()[i]}",
                icon=":material/check:" if names()[i] in guesses() else ":material/radio_button_unchecked:",
                type="secondary" if i == number else "tertiary",
                on_click=state.assign,
                args=(_STEP, names()[i]),
                width="stretch",
            )


def live_question(ws: Workspace, corpus: Corpus) -> Question:
    """The question with which a step runs live: one that has an answer, and that no training has seen."""
    offered = suggestions(ws, corpus, state.settings(), _OFFERED)
    shown = {suggestion.question: t(suggestion.label) for suggestion in offered if suggestion.question.answers}
    shown = shown or dict.fromkeys(next(iter(corpus.questions.values())), "")
    chosen: Question = st.selectbox(
        t("The question to run with"),
        list(shown),
        format_func=lambda question: " · ".join(filter(None, (shown.get(question), question.text))),
        key=_QUESTION,
        help=t("Held out: no training has seen it. It goes along through all steps."),
        persist_state="session",
    )
    return chosen


def previous_and_next(number: int) -> None:
    """Previous and next."""
    with st.container(horizontal=True, horizontal_alignment="distribute", key="learn-turn"):
        for name, label, target, icon in (
            ("previous", t("Previous"), number - 1, ":material/arrow_back:"),
            ("next", t("Next"), number + 1, ":material/arrow_forward:"),
        ):
            if 0 <= target <= len(STEPS):
                st.button(
                    f"{label}: {_titles()[target]}",
                    key=f"learn-{name}",
                    icon=icon,
                    type="primary" if name == "next" else "secondary",
                    on_click=state.assign,
                    args=(_STEP, names()[target]),
                )


def _titles() -> list[str]:
    return [*(t(step.title) for step in STEPS), t("Check yourself")]
