"""The choice of the app's language."""

from __future__ import annotations

import streamlit as st

from app import i18n


def language_switch() -> None:
    """English or Korean; a choice other than the browser's language stays in the address, so that links carry it."""
    if st.session_state.get(i18n.KEY) not in i18n.LANGUAGES:
        st.session_state[i18n.KEY] = i18n.language()
    st.segmented_control(
        "Language · 언어",
        list(i18n.LANGUAGES),
        format_func=i18n.LANGUAGES.__getitem__,
        key=i18n.KEY,
        label_visibility="collapsed",
        required=True,
        persist_state="session",  # a button that leads to another page forgets widgets without it
    )
    chosen = i18n.language()
    if chosen != (i18n.browser_language() if i18n.browser_language() in i18n.LANGUAGES else "en"):
        st.query_params[i18n.PARAM] = chosen
    else:
        st.query_params.pop(i18n.PARAM, None)
    st.html(language_mark(chosen), unsafe_allow_javascript=True)


def language_mark(language: str) -> str:
    """Tells the browser the page's language: Streamlit says English, in whose voice a screen reader would read Korean.

    Args:
        language: One of ``LANGUAGES``, and nothing that a reader has typed.
    """
    return f'<script>document.documentElement.lang = "{language}"</script>'
