"""Empty pages: build the sample here, or bring documents."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from app import state
from app.i18n import t
from app.navigation import PAGES
from core import pipeline
from core.settings import ROOT

BRING, QUESTIONS = "Bring documents", "Questions"
"""The views of the Corpus page that take documents, and that write questions about them."""


def nothing_yet(title: str, why: str, bring: bool = True, preview: Callable[[], None] | None = None) -> None:
    """An empty page: what is missing, what will be seen here, and both ways to it.

    Args:
        bring: Whether documents are another way; not where the page takes them itself, or needs the sample.
        preview: Draws what the page shows of the sample: a run that ships, or a picture.
    """
    with st.container(border=True, key="nothing-yet"):
        st.markdown(f"### :material/inbox: {title}")
        st.markdown(why)
        st.caption(
            t(
                "The sample is a small invented world that no model can know beforehand. Building it takes a minute or "
                "two on a laptop."
            )
        )
        with st.container(horizontal=True):
            build_sample(t("Build the sample"))
            if bring:
                bring_documents()
    if preview:
        st.subheader(t("What you will see here, with the sample"), anchor=False)
        preview()


def screenshot(name: str, words: str) -> Callable[[], None]:
    """Draws one of the README's pictures of this page.

    Args:
        words: The picture in words, for those who cannot see it.
    """

    def show() -> None:
        st.image(ROOT / "assets" / "screenshots" / name, width="stretch", alt=words)

    return show


def build_sample(label: str) -> None:
    """The button that builds whatever the sample workspace lacks."""
    st.button(label, type="primary", icon=":material/construction:", key="build-sample", on_click=_start_sample)


def bring_documents() -> None:
    """The button that leads to where documents are brought in."""
    if st.button(t("Bring your own documents"), icon=":material/upload_file:", key="go-bring"):
        st.session_state["corpus_view"] = BRING
        st.switch_page(PAGES["corpus"].path)


def write_questions() -> None:
    """The button that leads to where questions about the passages are written."""
    if st.button(t("Have questions written about the passages"), icon=":material/help:", key="go-questions"):
        st.session_state["corpus_view"] = QUESTIONS
        st.switch_page(PAGES["corpus"].path)


def _start_sample() -> None:
    state.start_job(state.SAMPLE, "Building the sample workspace", pipeline.build_sample)
