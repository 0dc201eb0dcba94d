"""The memory of a workspace: what it holds, how it is trained, how it learns one more document."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app import state
from app.widgets.text import escape
from core import pipeline
from core.corpus.sample import load_unseen
from core.corpus.types import Corpus, Passage, Question
from core.errors import CorpusError
from core.figures.training import curve, training_figure
from core.figures.units import duration, plural, size
from core.memory.adaptation import AdaptConfig
from core.memory.config import MemoryConfig
from core.memory.learner import CHECKPOINT
from core.workspace import Workspace

BUDGETS = {"A first look": 60, "Short": 300, "Good": 800, "Thorough": 1600}
"""Optimiser steps of the evidence stage."""
_STEP_S = 3.0  # a step of 16 examples with the default model on two CPU cores
_STATIC = {"displayModeBar": False}
_OWN = "Your own text"
_FLOAT16 = 2


def overview(ws: Workspace, documents: int) -> None:
    """What the memory is, in a few numbers, and whether it remembers, in one sentence."""
    found = ws.state("memory")
    params: dict[str, Any] = found.manifest.params if found.manifest else {}
    learned = len(params.get("learned", ()))
    m, z_dim = int(params.get("m", 0)), int(params.get("z_dim", 0))
    with st.container(horizontal=True, gap="large"):
        st.metric(
            "Documents remembered", f"{documents:,}", f"{learned} learned later" if learned else None, width="content"
        )
        st.metric("Vectors per document", f"{m} × {z_dim}", width="content", help="m vectors of z_dim numbers: its z.")
        st.metric("Z of one document", size(m * z_dim * _FLOAT16), width="content")
        st.metric("Whole memory on disk", size(found.bytes), width="content", help="Z, projector, router and LoRA.")
        if "train_s" in params:
            st.metric("Training took", duration(float(params["train_s"])), width="content")
    if "held_out_rouge_l" in params:
        right, shuffled = float(params["held_out_rouge_l"]), float(params.get("shuffled_rouge_l", 0.0))
        st.markdown(
            f"On held-out questions its evidence matches the gold sentence with ROUGE-L **{right:.2f}**; with another "
            f"document's z in its place, **{shuffled:.2f}**. Only the difference, **{right - shuffled:+.2f}**, is "
            "memory: the rest the model guesses."
        )
    if "held_out_recall_at_1" in params:
        first, five = float(params["held_out_recall_at_1"]), float(params.get("held_out_recall_at_5", 0.0))
        st.markdown(
            f"Its router, which is the model itself, puts the right document first for **{first:.0%}** of held-out "
            f"questions, and among the first five for {five:.0%}."
        )


def train_panel(ws: Workspace, corpus: Corpus, busy: bool) -> None:
    """How long to train, and the button."""
    st.markdown(
        f"Training gives each of the {plural(len(corpus.passages), 'passage')} its own z, and teaches the model to "
        "find and to read them. It may be cancelled at any time: what was learned is kept, and the same button goes on."
    )
    pace = seconds_per_step(ws)
    with st.form("train", border=False):
        left, right = st.columns([3, 2], vertical_alignment="bottom")
        left.segmented_control(
            "How long",
            list(BUDGETS),
            default="Short",
            required=True,
            format_func=lambda name: f"{name} · {duration(BUDGETS[name] * pace)}",
            key="train_budget",
            help="Estimated from the last training here, or else for two CPU cores and the default model.",
        )
        right.toggle("Go on from where it was stopped", True, key="train_resume", help="Off starts from the beginning.")
        if (ws.path / pipeline.TRAINING / CHECKPOINT).is_file():
            st.caption("An unfinished training is kept here: with the same length chosen, it goes on where it stopped.")
        st.form_submit_button(
            "Train", type="primary", icon=":material/model_training:", disabled=busy, on_click=_train, args=(ws.name,)
        )


def seconds_per_step(ws: Workspace) -> float:
    """How long a training step takes: as in the last training here, else an estimate."""
    manifest = ws.manifest("memory")
    params = manifest.params if manifest else {}
    if params.get("train_s") and params.get("step"):
        return float(params["train_s"]) / float(params["step"])
    return _STEP_S


def _train(name: str) -> None:
    models, steps = state.models(), BUDGETS[st.session_state["train_budget"]]
    resume = bool(st.session_state["train_resume"])
    look = max(10, steps // 8)
    config = MemoryConfig(steps=steps, eval_every=look, checkpoint_every=look, seed=models.settings.seed)
    state.start_job(name, "Training the memory", lambda ws: pipeline.train(ws, models, config, resume=resume))


def adapt_panel(ws: Workspace, busy: bool) -> None:
    """Learns one more document: one that ships unseen, or a text of one's own."""
    st.markdown(
        "Only the new document's z moves; model, projector, router and all other documents stay as they are, bit for "
        "bit. Watch the loss fall, and beside it what counts: when its evidence first holds the answer."
    )
    unseen = unseen_documents()
    choice = st.selectbox("Document", [*unseen, _OWN], key="adapt_choice")
    if choice == _OWN or choice not in unseen:
        st.text_input("Title", key="adapt_title", max_chars=200)
        text = st.text_area(
            "Text", key="adapt_text", height=160, max_chars=2_000, placeholder="70 to 150 words work best"
        )
        left, right = st.columns(2)
        left.text_input("A question about it, to watch (optional)", key="adapt_question", max_chars=300)
        right.text_input("Its answer", key="adapt_answer", max_chars=100)
    else:
        passage, questions = unseen[choice]
        text = passage.text
        with st.container(border=True, key="passage-unseen"):
            st.text(passage.text)
        st.caption("Watched, not learned from: " + escape(" · ".join(question.text for question in questions)))
    st.slider("Steps", 5, 200, 50, 5, key="adapt_steps")
    st.button(
        "Learn it",
        type="primary",
        icon=":material/school:",
        key="adapt-start",
        disabled=busy or not text.strip(),
        on_click=_adapt,
        args=(ws.name,),
    )


def _adapt(name: str) -> None:
    # Widgets are read here and not when the button is drawn: a last change and the click may arrive together.
    chosen, models = st.session_state, state.models()
    unseen, choice = unseen_documents(), str(chosen["adapt_choice"])
    if choice in unseen:
        passage, watched = unseen[choice]
    else:
        passage = own_document(str(chosen["adapt_title"]), str(chosen["adapt_text"]))
        watched = own_question(str(chosen["adapt_question"]), str(chosen["adapt_answer"]))
    config = AdaptConfig(steps=int(chosen["adapt_steps"]), seed=models.settings.seed)
    label = f"Learning {passage.title or 'your text'}"
    state.start_job(name, label, lambda ws: pipeline.adapt(ws, models, passage, held_out=watched, config=config))


def own_document(title: str, text: str) -> Passage:
    """A passage of one's own; the same text always gets the same id."""
    digest = hashlib.sha256(f"{title}\n{text}".encode()).hexdigest()[:8]
    return Passage(f"own-{digest}", title.strip(), text.strip())


def own_question(asked: str, answer: str) -> tuple[Question, ...]:
    """A question of one's own to watch; none unless it comes with its answer."""
    asked, answer = asked.strip(), answer.strip()
    return (Question("own", asked, (answer,)),) if asked and answer else ()


def forget_panel(ws: Workspace, busy: bool) -> None:
    """Documents that were learned after training, each with a button to forget it."""
    found = ws.state("memory")
    learned: list[str] = list(found.manifest.params.get("learned", [])) if found.manifest else []
    if not learned:
        return
    st.markdown("**Learned since the training**")
    for passage_id in learned:
        with st.container(horizontal=True, vertical_alignment="center", key=f"learned-{passage_id}"):
            st.markdown(escape(passage_id), width="content")
            st.button(
                "Forget",
                key=f"forget-{passage_id}",
                type="tertiary",
                icon=":material/delete:",
                disabled=busy,
                on_click=_forget,
                args=(ws.name, passage_id),
            )


def _forget(name: str, passage_id: str) -> None:
    models = state.models()
    state.start_job(name, f"Forgetting {passage_id}", lambda ws: pipeline.forget(ws, models, passage_id))


def unseen_documents() -> dict[str, tuple[Passage, tuple[Question, ...]]]:
    """Documents that ship with Tessera and that no memory has seen, by title; none when the file is damaged."""
    try:
        return {passage.title or passage.id: (passage, questions) for passage, questions in load_unseen()}
    except CorpusError:
        return {}


def live(history: Sequence[Mapping[str, Any]]) -> None:
    """What a training or an adaptation reports, as it goes."""
    losses = curve(history, "read_loss" if any("read_loss" in data for data in history) else "loss", "Loss")
    scores = [
        curve(history, "held_out_rouge_l", "right z (ROUGE-L)"),
        curve(history, "shuffled_rouge_l", "another document's z", control=True),
        curve(history, "rouge_l", "its evidence (ROUGE-L)"),
        curve(history, "coverage", "holds the answer"),
    ]
    if losses.values:
        st.plotly_chart(
            training_figure(losses, scores), key="live-training", config=_STATIC, alt="Loss and held-out scores by step"
        )
        st.caption(
            "Left: how well it fits what it studies, in nats a token; this always falls. Right: questions that it does "
            "not study. The distance between the solid and the dotted line is what it remembers."
        )
    routing = curve(history, "routing_loss", "Loss", at="routing_step")
    if routing.values:
        recall = [
            curve(history, "held_out_recall_at_1", "right document first", at="routing_step"),
            curve(history, "held_out_recall_at_5", "among the first five", at="routing_step"),
        ]
        st.plotly_chart(
            training_figure(routing, recall, "Loss of the router"),
            key="live-routing",
            config=_STATIC,
            alt="Loss of the router and held-out recall by step",
        )
    latest = next((data for data in reversed(history) if "evidence" in data), None)
    if latest:
        st.markdown(f"**What it says now**, after {plural(int(latest.get('step', 0)), 'step')}")
        for number, text in enumerate(latest["evidence"].values()):
            with st.container(key=f"draft-live-{number}"):
                st.text(text or "(nothing yet)")
