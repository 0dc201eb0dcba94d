"""Step: how z is learned, live on a document that the memory has never seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import streamlit as st

from app import state
from app.learn.base import STATIC, Tour, read_this
from app.widgets.text import escape
from core.corpus.sample import load_unseen
from core.corpus.types import Passage, Question
from core.figures.training import curve, training_figure
from core.figures.units import duration, plural
from core.memory.adaptation import AdaptConfig, adapt

_KEY = "learn_training"


def show(tour: Tour) -> None:
    """What the shipped training reached, and a small training to watch; nothing is saved."""
    st.markdown(
        "z starts from the document's own telling words and is moved by gradient, so that the model, reading z, "
        "says the sentence that a question asks for. **Choose how many steps**, train z of a document that the memory "
        "has never seen, and watch both curves. It is forgotten afterwards."
    )
    _shipped(tour)
    unseen = {passage.title: (passage, questions) for passage, questions in load_unseen()}
    left, right = st.columns(2, vertical_alignment="bottom")
    title = left.selectbox("Unseen document", list(unseen), key="learn_training_document")
    steps = right.slider("Steps", 4, 40, 12, step=4, key="learn_training_steps", help="Some seconds each on a CPU.")
    if st.button("Train", type="primary", icon=":material/model_training:", key="learn-train"):
        _train(tour, *unseen[title], steps)
    kept = st.session_state.get(_KEY)
    if kept and kept[0] == title:
        _curves(kept[1], "kept")
    else:
        st.caption("No step has been taken on this document yet.")


def _shipped(tour: Tour) -> None:
    manifest = tour.ws.manifest("memory")
    params: dict[str, Any] = manifest.params if manifest else {}
    if "train_s" not in params or "held_out_rouge_l" not in params:
        return
    st.markdown(
        f"The memory of this workspace took {params.get('step', 0):,} steps and {duration(float(params['train_s']))} "
        f"for all its documents together. Its loss on what it studied ended at {float(params['read_loss']):.2f}; on "
        f"held-out questions its evidence reached ROUGE-L **{float(params['held_out_rouge_l']):.2f}**, and "
        f"**{float(params.get('shuffled_rouge_l', 0)):.2f}** with another document's z."
    )


def _train(tour: Tour, passage: Passage, questions: Sequence[Question], steps: int) -> None:
    """Any click stops it, as it does an answer."""
    history: list[Mapping[str, Any]] = []
    bar, place = st.progress(0.0, text="Opening the memory"), st.empty()
    config = AdaptConfig(steps=steps, batch=4, look_every=max(4, steps // 3), seed=state.settings().seed)
    half = len(questions) // 2
    with state.models().lock:
        memory = state.memory_of(tour.ws).with_document(passage)
        with closing(adapt(memory, passage, questions[:half], config, held_out=questions[half:])) as work:
            for progress in work:
                history.append(progress.data)
                bar.progress(progress.done / progress.total, text=f"step {progress.done} of {progress.total}")
                with place.container():
                    _curves(history, f"live-{progress.done}")
    bar.empty()
    place.empty()
    st.session_state[_KEY] = (passage.title, tuple(history))


def _curves(history: Sequence[Mapping[str, Any]], key: str) -> None:
    loss = curve(history, "loss", "Loss")
    scores = [curve(history, "rouge_l", "its evidence (ROUGE-L)"), curve(history, "coverage", "holds the answer")]
    if not loss.values:
        return
    st.plotly_chart(
        training_figure(loss, scores),
        key=f"learn_training_{key}",
        config=STATIC,
        alt=f"Loss from {loss.values[0]:.2f} to {loss.values[-1]:.2f}, and held-out scores by step",
    )
    said: dict[str, str] = next((data["evidence"] for data in reversed(history) if "evidence" in data), {})
    read_this(
        f"Left: loss on what it studies, in nats a token, {loss.values[0]:.2f} at first and "
        f"{loss.values[-1]:.2f} after "
        f"{plural(len(loss.values), 'step')}. On the whole it falls. Right: questions that it does not study. "
        "Vectors can learn "
        "to recite a document and still not answer from it: only the right side counts."
    )
    asked = {question.id: question.text for _, group in load_unseen() for question in group}
    for name, text in list(said.items())[:2]:
        st.markdown(f"Held out: *{escape(asked.get(name, name))}* It now says:")
        st.text(text or "(nothing)")
