"""Stores: the engines that find passages, and what approximation costs."""

from __future__ import annotations

import streamlit as st

from app import state
from app.i18n import t
from app.views.shared.begin import nothing_yet
from app.views.shared.frame import guarded, header, link_to, missing_for
from app.views.shared.jobs import job_panel
from app.views.stores.bench import bench_panel, show_shipped
from app.views.stores.indexes import index_list

header("stores")
ws = state.current_workspace()
busy = job_panel(ws)
if missing_for(ws, ("corpus", "embeddings")):
    if not busy:
        nothing_yet(
            t("There is nothing to search yet"),
            t("Here search engines are built over the same vectors: how fast each of them is, and what it misses."),
            preview=show_shipped,
        )
    st.stop()
st.caption(t("RAG on the Compare page searches any of these that is ready; FAISS flat is its default."))
index_list(ws, busy)
link_to("redis", t("What Redis adds: kept answers, words beside vectors, counters"))
st.subheader(t("Recall against speed"), anchor=False)
with guarded():
    bench_panel(ws, busy)
