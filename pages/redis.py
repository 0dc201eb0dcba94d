"""Redis: a question with a cache of answers, a search by vector and words, and what the server counts and keeps."""

from __future__ import annotations

import streamlit as st

from app import state
from app.widgets.feedback import feedback_board
from app.widgets.frame import empty_state, guarded, header, missing_for
from app.widgets.redis_ask import ask_panel, search_panel
from app.widgets.redis_panel import answers_panel, metrics_panel, server_panel
from app.words import t
from core.workspace import Workspace


def served(ws: Workspace) -> None:
    """What there is when a server answers."""
    if missing_for(ws, ("corpus", "embeddings")):
        empty_state(
            t("There is nothing to ask about yet"),
            t("Redis indexes the passages of a workspace: first bring documents."),
            "corpus",
            t("Bring documents first"),
        )
    else:
        corpus = state.corpus_of(ws)
        ask, search = st.tabs([t(":material/bolt: Ask"), t(":material/search: Search")])
        with ask, guarded():
            ask_panel(ws, corpus)
        with search, guarded():
            search_panel(ws, corpus)
    st.subheader(t("What was counted"), anchor=False)
    metrics_panel(ws)
    st.subheader(t("Answers that are kept"), anchor=False)
    answers_panel(ws)


header("redis")
ws = state.current_workspace()
with guarded():
    if server_panel():
        served(ws)
st.subheader(t("What people thought of the answers"), anchor=False)
with guarded():
    feedback_board(ws)
