"""The page of a document that an answer rests on, drawn when it is asked for, with the supporting sentence marked."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app import state
from app.i18n import t
from app.views.shared.frame import show_failure
from core.corpus.originals import original
from core.errors import TesseraError
from core.evaluation.cited_page import cited_page
from core.methods.base import Evidence
from core.workspace import Workspace


def show_page(key: str, ws: Workspace, piece: Evidence, holds: tuple[int, int] | None) -> None:
    """A switch for the page, and the file itself; nothing where the file is not kept.

    Args:
        holds: Characters of the supporting sentence; None marks the whole passage.
    """
    file = original(ws, piece.source)
    if file is None or piece.source is None:
        return
    label = t("Show it on the page") if piece.source.page else t("The original")
    if not st.toggle(label, key=f"page-{key}-{piece.passage_id}"):
        return
    try:
        if page := cited_page(ws, state.corpus_of(ws), piece, holds):
            st.image(page.picture(), caption=page.cited)
    except TesseraError as error:
        show_failure(error.what, error.remedy)
    st.download_button(
        t("Open the original"),
        file.read_bytes(),
        Path(piece.source.file).name,
        key=f"original-{key}",
        icon=":material/description:",
        on_click="ignore",
    )
