"""Words and their meanings, where they are used and all together."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.glossary import GLOSSARY, Term, meaning


def words(names: Sequence[str]) -> None:
    """The words of a step, each with its meaning on hover and on focus."""
    with st.container(horizontal=True, gap="medium", key="learn-words"):
        st.caption("Words:", width="content")
        for name in names:
            st.caption(name, help=meaning(name), width="content")


def glossary() -> None:
    """All words in alphabetical order, with where to read on."""
    with st.expander("Glossary", icon=":material/menu_book:"):
        for term in sorted(GLOSSARY.values(), key=lambda term: term.name.casefold()):
            st.markdown(_line(term))


def _line(term: Term) -> str:
    more = f" [{term.source}]({term.link})" if term.link else ""
    return f"**{term.name}**: {term.meaning}{more}"
