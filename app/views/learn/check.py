"""The end of the tour: five questions to check oneself, and the way on to one's own documents."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from app import state
from app.i18n import t, tn
from app.learn.registry import STEPS
from app.views.learn.predict import guesses
from app.views.shared.begin import bring_documents
from app.views.shared.frame import link_to


@dataclass(frozen=True)
class Check:
    """A question about the tour, its options, which of them is right, and why."""

    question: str
    options: tuple[str, ...]
    right: int
    why: str
    step: str


CHECKS = (
    Check(
        "Two sentences share no word and mean the same. What does the encoder make of them?",
        ("Vectors at a right angle", "Vectors that point nearly the same way", "The same vector"),
        1,
        "The angle follows the meaning. Only the same text gives the same vector.",
        "embed",
    ),
    Check(
        "RAG gets ten passages instead of one. Which part of its answer takes longer?",
        ("Prefill: there are more tokens to read", "Search: there are more passages", "Nothing: the model is the same"),
        0,
        "Search looks through the same index; every passage that is found has to be read, with every question.",
        "rag",
    ),
    Check(
        "Why does CAG answer sooner than RAG from the same passages?",
        (
            "It uses a smaller model",
            "It looks at fewer words of the passages",
            "The keys and values of the passages are loaded and not computed",
        ),
        2,
        "The model is the same and so are the passages; what is skipped is their prefill.",
        "inject",
    ),
    Check(
        "A question lies close to the border of its cell. What helps?",
        ("Reading the same cell twice", "Opening the next cell, too", "Training the encoder on the question"),
        1,
        "The answer may lie beyond the border. Another cell finds more and reads more.",
        "cell",
    ),
    Check(
        "The memory finds the right document, and its sentence holds a wrong name. Where is the name from?",
        ("From another document's text", "From the index", "From the model: z only hints at what stood there"),
        2,
        "No text is stored. z steers the model, and where z is vague the model fills the gap by itself.",
        "failures",
    ),
)
_ANSWERS = "learn_checks"


def check_yourself() -> None:
    """Five questions, what was guessed on the way, and where to go on."""
    st.subheader(t("Check yourself"), anchor=False)
    st.markdown(t("Five questions about what you have seen. Nothing is kept."))
    chosen: dict[int, int] = st.session_state.setdefault(_ANSWERS, {})
    for number, check in enumerate(CHECKS):
        with st.container(border=True, key=f"check-{number}"):
            answer = st.radio(
                f"**{number + 1}.** {t(check.question)}",
                range(len(check.options)),
                index=chosen.get(number),
                format_func=lambda option, check=check: t(check.options[option]),
                key=f"learn-check-{number}",
            )
            if answer is None:
                continue
            chosen[number] = answer
            right = answer == check.right
            mark = ":green[:material/check_circle:]" if right else ":orange[:material/cancel:]"
            st.markdown(f"{mark} {t(check.why)}")
            if not right:
                title = next(t(step.title) for step in STEPS if step.name == check.step)
                st.button(
                    t("Look again: {title}", title=title),
                    key=f"check-again-{number}",
                    icon=":material/undo:",
                    on_click=state.assign,
                    args=("learn_step", check.step),
                )
    if len(chosen) == len(CHECKS):
        _end(sum(answer == CHECKS[number].right for number, answer in chosen.items()))


def _end(right: int) -> None:
    predicted = {step.name: step.predict().right for step in STEPS if guesses().get(step.name, -1) >= 0}
    hit = sum(guesses()[name] == answer for name, answer in predicted.items())
    st.success(
        t("{right} of {all} right.", right=right, all=len(CHECKS))
        + " "
        + tn(
            len(predicted),
            "On the way you guessed {n} time, {hit} of them rightly.",
            "On the way you guessed {n} times, {hit} of them rightly.",
            hit=hit,
        ),
        icon=":material/flag:",
    )
    st.markdown(t("Now with documents of your own, or a question of your own to the sample:"))
    with st.container(horizontal=True):
        bring_documents()
        link_to("compare")
