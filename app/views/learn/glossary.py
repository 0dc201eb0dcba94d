"""Words and their meanings, where they are used and all together."""

from __future__ import annotations

import re
from collections.abc import Sequence

import streamlit as st

from app.glossary import GLOSSARY, Term, meaning
from app.i18n import t

_LATIN = re.compile("[A-Za-z]")


def step_words(names: Sequence[str]) -> None:
    """The words of a step, each with its meaning on hover and on focus."""
    with st.container(horizontal=True, gap="medium", key="learn-words"):
        st.caption(t("Words:"), width="content")
        for name in names:
            st.caption(t(name), help=t(meaning(name)), width="content")


def glossary() -> None:
    """All words in alphabetical order, with where to read on."""
    with st.expander(t("Glossary"), icon=":material/menu_book:"):
        for term in sorted(GLOSSARY.values(), key=lambda term: t(term.name).casefold()):
            st.markdown(_line(term))


def _line(term: Term) -> str:
    more = f" [{term.source}]({term.link})" if term.link else ""
    return f"**{_named(term.name)}**: {t(term.meaning)}{more}"


def _named(name: str) -> str:
    """A word in this session's language, with the English one that papers use where none of it is left."""
    local = t(name)
    return local if _LATIN.search(local) else f"{local} ({name})"
