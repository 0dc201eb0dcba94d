"""What an answer rests on: every passage that was read, and the sentence in it that contains the answer."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import streamlit as st

from app import state
from app.i18n import t, tn
from app.views.shared.frame import show_failure
from app.views.shared.text import escape
from core.corpus.originals import original
from core.corpus.types import Question
from core.errors import TesseraError
from core.evaluation.cited_page import cited_page
from core.evaluation.grounding import find_support
from core.methods.base import Answer, Evidence
from core.methods.registry import METHODS
from core.workspace import Workspace

_WHY = "Marked: the sentence that contains this answer word for word and is nearest to the question."
_WHY_NOT = (
    "No sentence contains this answer word for word: it was put in other words, or nothing that was read says so."
)


def show_evidence(
    name: str, answer: Answer, gold: Question | None, facts: str = "", ws: Workspace | None = None
) -> None:
    """The passages a method read, or what it wrote from Z: first the one with the sentence that contains the answer.

    Args:
        ws: Where the pages of documents are; None shows no pages, as while other answers are still being drawn.
    """
    support = find_support(answer.text, answer.question, [piece.text for piece in answer.evidence])
    count = len(answer.evidence)
    if METHODS[name].reads_z:
        label = t("From Z · contains the answer") if support else t("From Z")
    elif support:
        label = tn(
            count,
            "{n:,} passage · the words are in it",
            "{n:,} passages · the words are in passage {rank}",
            rank=support.text_index + 1,
        )
    else:
        label = tn(count, "{n:,} passage · answer not in it", "{n:,} passages · answer in none of them")
    with st.expander(label, icon=":material/format_quote:"):
        if facts:
            st.caption(facts)
        st.caption(t(_WHY) if support else t(_WHY_NOT))
        ranks = sorted(range(count), key=lambda rank: not (support and support.text_index == rank))
        for rank in ranks:
            holds = (support.start, support.end) if support and support.text_index == rank else None
            _passage(f"{name}-{rank}", answer.evidence[rank], gold, holds, _origin(answer, rank), rank + 1)
            if ws:
                show_page(f"{name}-{rank}", ws, answer, rank, holds)


def _origin(answer: Answer, rank: int) -> str:
    """Where the block of a passage came from; empty for methods that read no blocks."""
    hits, cells = answer.details.get("hits"), answer.details.get("cells")
    if hits is None:
        return ""
    origin = t("block in memory") if hits[rank] else t("block read from disk")
    return f"{t('cell {cell}', cell=cells[rank])}, {origin}" if cells else origin


def _passage(
    key: str, piece: Evidence, gold: Question | None, holds: tuple[int, int] | None, origin: str, rank: int
) -> None:
    is_gold = gold is not None and piece.passage_id in gold.passage_ids
    mark = f" :green[:material/verified: {t('gold')}]" if is_gold else ""
    facts = f"{piece.score:.3f} · {origin}" if origin else f"{piece.score:.3f}"
    st.markdown(f"{rank}. **{escape(piece.cited)}** :gray[{facts}]{mark}")
    start, end = holds or (0, 0)
    with st.container(key=f"passage-{key}", gap="xsmall"):
        for part, text in (("before", piece.text[:start]), ("holds", piece.text[start:end]), ("", piece.text[end:])):
            if text.strip():
                with st.container(key=f"support-{key}") if part == "holds" else nullcontext():
                    st.text(text.strip())


def show_page(key: str, ws: Workspace, answer: Answer, rank: int, holds: tuple[int, int] | None) -> None:
    """The page of a piece of evidence, beside the answer and large enough to read; the file itself where it has none.

    Args:
        holds: Characters of the supporting sentence; None marks the whole passage.
    """
    piece = answer.evidence[rank]
    file = original(ws, piece.source)
    if file is None or piece.source is None:
        return
    name = Path(piece.source.file).name
    if not piece.source.page:
        _open_original(key, name, file)
    elif st.button(t("Show it on the page"), key=f"page-{key}", icon=":material/find_in_page:"):

        @st.dialog(escape(piece.cited), width="large")
        def beside() -> None:
            text, picture = st.columns([1, 2])
            with text:
                st.markdown(f"**{escape(answer.question)}**")
                st.text(answer.text)
                with st.container(key=f"support-on-page-{key}"):
                    st.text(piece.text[slice(*holds)] if holds else piece.text)
                _open_original(key, name, file)
            try:
                if page := cited_page(ws, state.corpus_of(ws), piece, holds):
                    picture.image(page.picture())
            except TesseraError as error:
                with picture:
                    show_failure(error.what, error.remedy)

        beside()


def _open_original(key: str, name: str, file: Path) -> None:
    st.download_button(
        t("Open the original"),
        file.read_bytes,
        name,
        key=f"original-{key}",
        icon=":material/description:",
        on_click="ignore",
    )
