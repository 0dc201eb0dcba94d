"""Memory: documents as learned vectors; how they are trained, added, and found again."""

from __future__ import annotations

import streamlit as st

from app import state
from app.widgets.ablating import ablation_panel
from app.widgets.frame import empty_state, header
from app.widgets.jobs import job_panel
from app.widgets.learning import adapt_panel, change_panel
from app.widgets.pool import inside
from app.widgets.remembering import live, overview, train_panel
from app.widgets.routing import documents_of, route_panel
from app.widgets.text import escape
from app.words import labels, t

ROUTE, LEARN, CHANGE, LOOK, TRAIN = "Route a question", "Learn a document", "Edit or forget", "Look inside", "Train"
ICONS = {ROUTE: "alt_route", LEARN: "school", CHANGE: "edit_note", LOOK: "grid_on", TRAIN: "model_training"}

header("memory")
ws = state.current_workspace()
busy = job_panel(ws, live)
if ws.state("corpus").status != "ready":
    if not busy:
        empty_state(
            t("There is nothing to remember yet"),
            t("A memory is trained on the passages of a corpus."),
            "corpus",
            t("Bring documents first"),
        )
    st.stop()
corpus = state.corpus_of(ws)
memory = ws.state("memory")
if memory.status != "ready":
    if memory.status == "stale":
        st.warning(
            t("This memory cannot be used: {why}.", why=escape(memory.reason)),
            icon=":material/history:",
        )
    elif not busy:
        empty_state(
            t("This workspace has no memory yet"),
            t(
                "Train one below. A few minutes give a first impression; it says itself how far it can be trusted, on "
                "held-out questions and beside a shuffled control."
            ),
            icon=":material/blur_on:",
        )
    train_panel(ws, corpus, busy)
    st.stop()
overview(ws, documents_of(ws))
view = st.segmented_control(
    t("View"),
    list(ICONS),
    default=ROUTE,
    required=True,
    format_func=labels({name: f":material/{icon}: {t(name)}" for name, icon in ICONS.items()}),
    key="memory_view",
    label_visibility="collapsed",
)
if view == TRAIN:
    train_panel(ws, corpus, busy)
    ablation_panel(ws)
elif view == LEARN:
    adapt_panel(ws, busy)
elif view == CHANGE:
    change_panel(ws, busy)
elif view == LOOK:
    inside(ws)
else:
    route_panel(ws)
