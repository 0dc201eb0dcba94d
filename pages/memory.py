"""Memory: documents as learned vectors; how they are trained, added, and found again."""

from __future__ import annotations

import streamlit as st

from app import state
from app.i18n import t
from app.views.memory.edit import adapt_panel, change_panel
from app.views.memory.inspect import ablation_panel, weight, what_bytes_buy
from app.views.memory.route import documents_of, route_panel
from app.views.memory.train import live, overview, train_panel
from app.views.shared.begin import nothing_yet
from app.views.shared.frame import empty_state, header
from app.views.shared.jobs import job_panel
from app.views.shared.table import choose_view
from app.views.shared.text import escape

ROUTE, LEARN, CHANGE, WEIGH, TRAIN = "Route a question", "Learn a document", "Edit or forget", "Weigh it", "Train"
ICONS = {ROUTE: "alt_route", LEARN: "school", CHANGE: "edit_note", WEIGH: "balance", TRAIN: "model_training"}

header("memory")
ws = state.current_workspace()
busy = job_panel(ws, live, stays=True)
if ws.state("corpus").status != "ready":
    if not busy:
        nothing_yet(
            t("There is nothing to remember yet"),
            t("Here documents live in the model as small vectors; they can be asked, edited and forgotten."),
        )
        what_bytes_buy()
    st.stop()
corpus = state.corpus_of(ws)
memory = ws.state("memory")
if memory.status != "ready":
    if memory.status == "stale":
        st.warning(t("This memory cannot be used: {why}.", why=escape(memory.reason)), icon=":material/history:")
    elif not busy:
        empty_state(
            t("This workspace has no memory yet"),
            t(
                "Train one below. A few minutes give a first impression; the page then says how far to trust it, on "
                "held-out questions and beside a shuffled control."
            ),
            icon=":material/blur_on:",
        )
    train_panel(ws, corpus, busy)
    if not busy:
        what_bytes_buy()
    st.stop()
overview(ws, documents_of(ws))
view = choose_view(t("View"), ICONS, "memory_view", default=ROUTE)
if view == TRAIN:
    train_panel(ws, corpus, busy)
    ablation_panel(ws)
elif view == LEARN:
    adapt_panel(ws, busy)
elif view == CHANGE:
    change_panel(ws, busy)
elif view == WEIGH:
    weight(ws)
else:
    route_panel(ws)
