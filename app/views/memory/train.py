"""The memory of a workspace: what it holds, and how it is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from app import state
from app.figures.training import curve, training_figure
from app.i18n import labels, t, tn
from app.views.shared.chart import chart
from core import pipeline
from core.corpus.types import Corpus
from core.cost import build_seconds
from core.memory.config import MemoryConfig
from core.memory.pool import z_bytes
from core.memory.presets import load_preset
from core.memory.training import is_begun
from core.settings import DEFAULT_MODEL
from core.units import size
from core.workspace import TRAINING, Workspace

STANDARD, AT_ONCE = "Standard", "At once"
BUDGETS = {AT_ONCE: 0, "First look": 40, STANDARD: MemoryConfig().steps, "Longer": 400, "Long": 800}
"""Optimiser steps of the evidence stage; the standard ones are those of the command line."""
_STEP_S = 6.7  # a step of 16 examples and the usual m with the default model on two CPU cores
_OWN = "real-text"
"""Preset for documents other than the sample's."""


def overview(ws: Workspace, documents: int) -> None:
    """What the memory is, in a few numbers, and whether it remembers, in one sentence."""
    memory = ws.state("memory")
    params = memory.params
    learned = len(params.get("learned", ()))
    m, z_dim = int(params.get("m", 0)), int(params.get("z_dim", 0))
    with st.container(horizontal=True, gap="medium"):
        later = t("{n} learned later", n=learned) if learned else None
        st.metric(t("Documents"), f"{documents:,}", later, width="content")
        st.metric(
            t("Vectors per document"), f"{m} × {z_dim}", width="content", help=t("m vectors of z_dim numbers: its z.")
        )
        st.metric(t("Z of one document"), size(z_bytes(params)), width="content")
        st.metric(t("Memory on disk"), size(memory.bytes), width="content", help=t("Z, projector, router and LoRA."))
        if "train_s" in params:
            st.metric(t("Training took"), about(build_seconds(memory.manifest)), width="content")
    if "held_out_rouge_l" in params:
        right, shuffled = float(params["held_out_rouge_l"]), float(params.get("shuffled_rouge_l", 0.0))
        st.markdown(
            t(
                "On held-out questions its evidence matches the gold sentence with ROUGE-L **{right:.2f}**; with "
                "another document's z in its place, **{shuffled:.2f}**. Only the difference, **{difference:+.2f}**, is "
                "memory: the rest the model guesses.",
                right=right,
                shuffled=shuffled,
                difference=right - shuffled,
            )
        )
    if "held_out_recall_at_1" in params:
        first, five = float(params["held_out_recall_at_1"]), float(params.get("held_out_recall_at_5", 0.0))
        st.markdown(
            t(
                "Its router, which is the model itself, puts the right document first for **{first:.0%}** of held-out "
                "questions, and among the first five for {five:.0%}.",
                first=first,
                five=five,
            )
        )


def train_panel(ws: Workspace, corpus: Corpus, busy: bool) -> None:
    """How long to train, and the button."""
    st.markdown(
        t(
            "Training gives each of the {passages} its own z, and teaches the model to find and to read them. It may "
            "be cancelled at any time: what was learned is kept, and the same button goes on.",
            passages=tn(len(corpus.passages), "{n:,} passage", "{n:,} passages"),
        )
    )
    pace = seconds_per_step(ws)
    ready = _shipped_fits()
    budgets = {name: steps for name, steps in BUDGETS.items() if steps or ready}
    with st.form("train", border=False):
        st.segmented_control(
            t("How long"),
            list(budgets),
            default=STANDARD,
            required=True,
            format_func=labels({name: f"{t(name)} · {about(steps * pace)}" for name, steps in budgets.items()}),
            key="train_budget",
            help=t(
                "Estimated from the last training here, or else for two CPU cores and the default model. {steps}.",
                steps=", ".join(f"{t(name)}: {_steps(steps)}" for name, steps in budgets.items()),
            ),
        )
        if ready:
            st.caption(
                t(
                    "At once: nothing is trained. Every document gets its first z in one pass and is found and read as "
                    "those of the shipped memory are. A rough memory, but one for thousands of documents."
                )
            )
        if course(ws.name, BUDGETS[STANDARD])[1]:
            st.caption(t("The others go on from there: what the shipped memory has learned need not be taught again."))
        st.toggle(
            t("Go on from where it was stopped"), True, key="train_resume", help=t("Off starts from the beginning.")
        )
        if is_begun(ws.path / TRAINING):
            st.caption(
                t("An unfinished training is kept here: with the same length chosen, it goes on where it stopped.")
            )
        st.form_submit_button(
            t("Train"),
            type="primary",
            icon=":material/model_training:",
            disabled=busy,
            on_click=_train,
            args=(ws.name,),
        )


def seconds_per_step(ws: Workspace) -> float:
    """How long a training step takes: as in the last training here, else an estimate."""
    params = ws.params("memory")
    if params.get("train_s") and params.get("step"):
        return float(params["train_s"]) / float(params["step"])
    return _STEP_S * course(ws.name, BUDGETS[STANDARD])[0].m / MemoryConfig().m


def about(seconds: float) -> str:
    """A long wait, to the minute: "19 min", "1 h 29 min"."""
    minutes = max(1, round(seconds / 60))
    if minutes < 60:
        return t("{minutes} min", minutes=minutes)
    return t("{hours} h {minutes:02d} min", hours=minutes // 60, minutes=minutes % 60)


def _steps(count: int) -> str:
    return tn(count, "{n:,} step", "{n:,} steps")


def course(name: str, steps: int) -> tuple[MemoryConfig, str]:
    """How the memory of a workspace is trained for so many steps, and which memory it starts from.

    The sample's starts from nothing, as the one that ships did; own documents go on from that one, where it fits.
    """
    seed = state.settings().seed
    if not steps:
        preset = load_preset(pipeline.AT_ONCE)
        return replace(preset.config, seed=seed), preset.start
    config, start = MemoryConfig(), ""
    if name != state.SAMPLE and _shipped_fits():
        preset = load_preset(_OWN)
        config, start = replace(preset.config, router_steps=min(steps, preset.config.router_steps)), preset.start
    looks, keeps = max(5, steps // 5), max(5, steps // 10)
    return replace(config, steps=steps, eval_every=looks, checkpoint_every=keeps, seed=seed), start


def _shipped_fits() -> bool:
    """Whether documents can be read as the shipped memory's are: its LoRA fits the default model alone."""
    return state.settings().model == DEFAULT_MODEL


def _train(name: str) -> None:
    steps = BUDGETS[st.session_state["train_budget"]]
    config, start = course(name, steps)
    resume = bool(steps and st.session_state["train_resume"])
    state.start_job(name, "Training the memory", pipeline.train, config=config, resume=resume, start=start)


def live(history: Sequence[Mapping[str, Any]], key: str = "live") -> None:
    """What a training or an adaptation reports, as it goes."""
    losses = curve(history, "read_loss" if any("read_loss" in data for data in history) else "loss", t("Loss"))
    scores = [
        curve(history, "held_out_rouge_l", t("right z (ROUGE-L)")),
        curve(history, "shuffled_rouge_l", t("another document's z"), control=True),
        curve(history, "rouge_l", t("its evidence (ROUGE-L)")),
        curve(history, "coverage", t("holds the answer")),
    ]
    if losses.values:
        chart(training_figure(losses, scores), key=f"{key}-training", alt=t("Loss and held-out scores by step"))
        st.caption(
            t(
                "Left: how well it fits what it studies, in nats a token; this always falls. Right: questions that it "
                "does not study. The distance between the solid and the dotted line is what it remembers."
            )
        )
    routing = curve(history, "routing_loss", t("Loss"), at="routing_step")
    if routing.values:
        recall = [
            curve(history, "held_out_recall_at_1", t("right document first"), at="routing_step"),
            curve(history, "held_out_recall_at_5", t("among the first five"), at="routing_step"),
        ]
        chart(
            training_figure(routing, recall, t("Loss of the router")),
            key=f"{key}-routing",
            alt=t("Loss of the router and held-out recall by step"),
        )
    latest = next((data for data in reversed(history) if "evidence" in data), None)
    if latest:
        right = history[-1].get("first_right")
        if right is not None:
            st.markdown(
                t(
                    ":green[:material/check_circle:] **It first answered right after {steps}.**",
                    steps=_steps(int(right)),
                )
            )
        st.markdown(t("**What it says now**, after {steps}", steps=_steps(int(latest.get("step", 0)))))
        for number, text in enumerate(latest["evidence"].values()):
            with st.container(key=f"draft-{key}-{number}"):
                st.text(text or t("(nothing yet)"))
