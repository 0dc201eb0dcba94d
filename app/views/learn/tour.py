"""Where one stands in the tour: the progress line, previous and next, and the question that goes along."""

from __future__ import annotations

import streamlit as st

from app import state
from app.i18n import t
from app.learn.registry import STEPS
from core.corpus.types import Corpus, Question
from core.evaluation.lessons import suggestions
from core.workspace import Workspace

_STEP, _QUESTION = "learn_step", "learn_question"
_OFFERED = 12


def place_of() -> int:
    """Number of the step: where this session stands, else what the link says, else the first."""
    names = [step.name for step in STEPS]
    wanted = st.session_state.get(_STEP) or st.query_params.get("step", "")
    return names.index(wanted) if wanted in names else 0


def progress(number: int) -> None:
    """The line that says how far one has come, and leads to any step."""
    names = [step.name for step in STEPS]
    if st.session_state.get(_STEP) != names[number]:
        st.session_state[_STEP] = names[number]
    title = t(STEPS[number].title)
    said = t("Step {number} of {count}: {title}", number=number + 1, count=len(STEPS), title=title)
    st.progress((number + 1) / len(STEPS), text=said)
    st.query_params["step"] = names[number]


def choose_question(ws: Workspace, corpus: Corpus) -> Question:
    """The question of the tour: one that has an answer, and that no training has seen."""
    offered = suggestions(ws, corpus, state.settings(), _OFFERED)
    shown = {found.question: t(found.label) for found in offered if found.question.answers}
    shown = shown or dict.fromkeys(next(iter(corpus.questions.values())), "")
    chosen: Question = st.selectbox(
        t("The question of this tour"),
        list(shown),
        format_func=lambda question: " · ".join(filter(None, (shown.get(question), question.text))),
        key=_QUESTION,
        help=t("Held out: no training has seen it. It goes along through all steps."),
        persist_state="session",
    )
    return chosen


def turn(number: int) -> None:
    """Previous and next."""
    with st.container(horizontal=True, horizontal_alignment="distribute", key="learn-turn"):
        for name, label, target, icon in (
            ("previous", t("Previous"), number - 1, ":material/arrow_back:"),
            ("next", t("Next"), number + 1, ":material/arrow_forward:"),
        ):
            there = 0 <= target < len(STEPS)
            st.button(
                f"{label}: {t(STEPS[target].title)}" if there else label,
                key=f"learn-{name}",
                icon=icon,
                type="primary" if name == "next" and there else "secondary",
                disabled=not there,
                on_click=_go,
                args=(target,),
            )


def _go(target: int) -> None:
    st.session_state[_STEP] = STEPS[target].name
