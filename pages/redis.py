"""Redis: a question with a cache of answers, a search by vector and words, and what the server counts and keeps."""

from __future__ import annotations

import streamlit as st

from app import state
from app.i18n import t
from app.views.redis.ask import ask_panel, search_panel
from app.views.redis.server import answers_panel, metrics_panel, server_panel
from app.views.shared.begin import nothing_yet
from app.views.shared.feedback import feedback_board
from app.views.shared.frame import guarded, header, missing_for
from core.workspace import Workspace


def served(ws: Workspace) -> None:
    """What there is when a server answers."""
    if missing_for(ws, ("corpus", "embeddings")):
        nothing_yet(
            t("There is nothing to ask about yet"),
            t("Here a server keeps answers that were given before, and searches words beside vectors."),
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
