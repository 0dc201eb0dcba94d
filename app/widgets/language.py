"""The choice of the app's language."""

from __future__ import annotations

import streamlit as st

from app import words


def language_switch() -> None:
    """English or Korean; a choice other than the browser's language stays in the address, so that links carry it."""
    if st.session_state.get(words.KEY) not in words.LANGUAGES:
        st.session_state[words.KEY] = words.language()
    st.segmented_control(
        "Language · 언어",
        list(words.LANGUAGES),
        format_func=words.LANGUAGES.__getitem__,
        key=words.KEY,
        label_visibility="collapsed",
        required=True,
    )
    chosen = words.language()
    if chosen != (words.browser_language() if words.browser_language() in words.LANGUAGES else "en"):
        st.query_params[words.PARAM] = chosen
    else:
        st.query_params.pop(words.PARAM, None)
    st.html(language_mark(chosen), unsafe_allow_javascript=True)


def language_mark(language: str) -> str:
    """Tells the browser the page's language: Streamlit says English, in whose voice a screen reader would read Korean.

    Args:
        language: One of ``LANGUAGES``, and nothing that a reader has typed.
    """
    return f'<script>document.documentElement.lang = "{language}"</script>'
