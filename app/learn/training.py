"""Step: how z is learned: a recorded training to scrub through, and a live one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import streamlit as st

from app import state
from app.i18n import t
from app.learn.base import Prediction, Step, Tour, read_this
from app.learn.exhibits import exhibit, measured_line
from app.learn.recorded import recorded
from app.views.memory import train
from app.views.shared.text import escape
from core.corpus.sample import load_unseen
from core.corpus.types import Passage, Question
from core.memory.adaptation import AdaptConfig, adapt, with_document

_KEY = "learn_training"


def predict() -> Prediction:
    """When it first answers all that it has not studied."""
    record = recorded("training")
    looks = [(step["step"], step["coverage"]) for step in record["steps"] if "coverage" in step]
    first = next((step for step, share in looks if share == 1), None)
    stays = next((step for i, (step, _) in enumerate(looks) if all(share == 1 for _, share in looks[i:])), None)
    ends = (0, 10, looks[-1][0])
    why = t("Never here.")
    if first is not None:
        why = t("At step {n}.", n=first)
    if stays is not None:
        why += " " + t("They stay right from step {n} on.", n=stays)
    return Prediction(
        t(
            "{count} questions about a new document are not studied. When are all of them answered for the first time?",
            count=len(record["held_out"]),
        ),
        (
            t("before any training"),
            t("within {n} steps", n=ends[1]),
            t("within {n} steps", n=ends[2]),
            t("never within {n} steps", n=ends[2]),
        ),
        len(ends) if first is None else next(i for i, end in enumerate(ends) if first <= end),
        why,
    )


def show(_tour: Tour) -> None:
    """A recorded training, to scrub through."""
    record = recorded("training")
    words = {
        "step": t("Step"),
        "play": t("Play the training"),
        "loss": t("Loss on what it studies, in nats a token"),
        "held": t("Share of the questions below whose answer it says (top: all)"),
        "figures": t("Step {step} · loss {loss} · {right} of {all} answers said"),
        "nothing": t("(nothing)"),
    }
    exhibit("scrub", record, words)
    read_this(
        t(
            "The memory learns “{title}”, a document that it has never seen; only the document's z moves. **Move the "
            "slider** and read what it says to questions that it does not study. The loss falls either way: only the "
            "questions tell whether the document is known.",
            title=escape(record["title"]),
        )
    )
    measured_line("training")


def live(tour: Tour) -> None:
    """A small training to watch; nothing is saved."""
    st.markdown(
        t(
            "**Choose how many steps**, train z of a document that the memory has never seen, and watch both curves. "
            "It is forgotten afterwards."
        )
    )
    unseen = {passage.title: (passage, questions) for passage, questions in load_unseen()}
    left, right = st.columns(2, vertical_alignment="bottom")
    title = left.selectbox(t("Unseen document"), list(unseen), key="learn_training_document")
    pace = t("Some seconds each on a CPU.")
    steps = right.slider(t("Steps"), 4, 40, 12, step=4, key="learn_training_steps", help=pace)
    if st.button(t("Train"), type="primary", icon=":material/model_training:", key="learn-train"):
        _train(tour, *unseen[title], steps)
    last = st.session_state.get(_KEY)
    if last and last[0] == title:
        train.live(last[1], "kept")
    else:
        st.caption(t("No step has been taken on this document yet."))


def _train(tour: Tour, passage: Passage, questions: Sequence[Question], steps: int) -> None:
    """Any click stops it, as it does an answer."""
    history: list[Mapping[str, Any]] = []
    bar, output = st.progress(0.0, text=t("Opening the memory")), st.empty()
    config = AdaptConfig(steps=steps, batch=4, look_every=max(4, steps // 3), seed=state.settings().seed)
    half = len(questions) // 2
    with state.models().lock:
        memory = with_document(state.memory_of(tour.ws), passage)
        with closing(adapt(memory, passage, questions[:half], config, held_out=questions[half:])) as work:
            for progress in work:
                history.append(progress.data)
                at = t("step {done} of {total}", done=progress.done, total=progress.total)
                bar.progress(progress.done / progress.total, text=at)
                with output.container():
                    train.live(history, f"live-{progress.done}")
    bar.empty()
    output.empty()
    st.session_state[_KEY] = (passage.title, tuple(history))


STEP = Step(
    name="training",
    title="How z is learned",
    question="What makes vectors say what a document says?",
    intro=(
        "z starts from the document's own telling words and is moved by gradient, so that the model, reading z, says "
        "the sentence that a question asks for."
    ),
    predict=predict,
    show=show,
    live=live,
    words=("Loss", "Held out", "LoRA", "Cramming", "Shuffled control"),
    page="memory",
)
