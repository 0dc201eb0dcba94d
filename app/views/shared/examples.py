"""Questions to borrow where one is asked for, so that nobody stands before an empty page."""

from __future__ import annotations

import streamlit as st

from app import state
from app.i18n import t
from app.views.shared.text import escape
from core.corpus.types import Corpus
from core.evaluation.lessons import suggestions
from core.workspace import Workspace

_SHOWN = 2


def examples(ws: Workspace, corpus: Corpus, key: str) -> None:
    """Buttons that put a question into the text input of a key; nothing once something is asked."""
    offered = [] if st.session_state.get(key) else suggestions(ws, corpus, state.settings(), _SHOWN)
    if not offered:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f":material/lightbulb: {t('Try')}", width="content")
        for number, suggestion in enumerate(offered):
            text = suggestion.question.text
            st.button(escape(text), key=f"{key}-example-{number}", on_click=state.assign, args=(key, text))
