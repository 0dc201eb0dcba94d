"""Corpus: what the model gets to know, and how to bring in something else."""

from __future__ import annotations

import streamlit as st

from app import state
from app.widgets.bring import bring
from app.widgets.browse import figures, passages, questions
from app.widgets.frame import empty_state, header
from app.widgets.jobs import job_panel
from app.words import t

PASSAGES, QUESTIONS, BRING = "Passages", "Questions", "Bring documents"
ICONS = {PASSAGES: "article", QUESTIONS: "help", BRING: "upload_file"}

header("corpus")
ws = state.current_workspace()
busy = job_panel(ws)
if ws.state("corpus").status != "ready":
    if not busy:
        empty_state(
            t("This workspace has no passages yet"),
            t("Bring your own documents below, take a known data set, or build the sample with one click."),
            "start",
            t("Build the sample on Start"),
        )
    bring(busy)
else:
    corpus = state.corpus_of(ws)
    figures(corpus)
    st.session_state.setdefault("corpus_view", PASSAGES)  # Start may have chosen another one
    view = st.segmented_control(
        t("View"),
        list(ICONS),
        required=True,
        format_func={name: f":material/{icon}: {t(name)}" for name, icon in ICONS.items()}.__getitem__,
        key="corpus_view",
        label_visibility="collapsed",
    )
    if view == QUESTIONS:
        questions(corpus)
    elif view == BRING:
        bring(busy)
    else:
        passages(corpus)
