"""One question to two stores: which passages each finds, and how long it takes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import streamlit as st

from app import state
from app.i18n import labels, t
from app.links import MAX_QUESTION
from app.views.shared.table import show_table
from app.views.shared.text import escape
from core.artefacts import index_kind
from core.corpus.types import Passage
from core.stores.alignment import AlignedHit, Rank, align, shared
from core.stores.base import Hit, SearchRequest, VectorStore
from core.stores.registry import STORES
from core.workspace import Workspace

_RESULT = "side_by_side"
_MAX_HITS = 20
_REPEATS = 5


@dataclass(frozen=True)
class Found:
    """What one store answered.

    Attributes:
        ms: Median time of a search, in milliseconds.
    """

    store: str
    hits: tuple[Hit, ...]
    ms: float


@st.cache_resource(show_spinner=False, max_entries=4)
def _opened(path: str, built: str, name: str) -> VectorStore:
    return STORES[name].open(Path(path))


def search(ws: Workspace, name: str, question: str, k: int) -> Found:
    """Searches a store of the workspace; the clock runs after a first search that nobody sees.

    Raises:
        ArtefactMissing: The index has not been built.
        ArtefactStale: It belongs to other passages or another encoder, or is damaged.
    """
    searches = STORES[name].searches
    models = state.models()
    with models.lock:
        inputs = {"encoder": models.encoder().fingerprint} if "vector" in searches else {}
        folder = ws.require(index_kind(name), inputs)
        manifest = ws.manifest(index_kind(name))
        store = _opened(str(folder), manifest.created if manifest else "", name)
        vector = models.encoder().encode_query(question) if "vector" in searches else None
        request = SearchRequest(k=k, vector=vector, text=question if "text" in searches else None)
        hits = store.search(request)
        times = []
        for _ in range(_REPEATS):
            began = time.perf_counter()
            store.search(request)
            times.append(1000 * (time.perf_counter() - began))
    return Found(name, tuple(hits), median(times))


def compare_form(ws: Workspace, built: list[str], busy: bool) -> None:
    """Question and two stores; what was found stays until another question is asked.

    Raises:
        TesseraError: A store cannot be searched.
    """
    names = labels({name: STORES[name].label for name in built})
    with st.form("side-by-side", border=False):
        text, left, right, k, button = st.columns([5.4, 3, 3, 1.5, 2.2], vertical_alignment="bottom")
        question = text.text_input(
            t("Question"),
            key="sbs_question",
            max_chars=MAX_QUESTION,
            placeholder=t("Ask something that the passages know"),
        )
        chosen = [
            column.selectbox(label, built, index=index, format_func=names, key=key)
            for column, label, index, key in ((left, t("Store"), 0, "sbs_left"), (right, t("Beside"), 1, "sbs_right"))
        ]
        hits = k.number_input(t("Hits"), min_value=1, max_value=_MAX_HITS, value=5, key="sbs_k")
        asked = button.form_submit_button(t("Search"), type="primary", icon=":material/search:", width="stretch")
    if asked and not question.strip():
        st.warning(t("Type a question first."), icon=":material/edit:")
    elif asked:
        pair = tuple(search(ws, name, question.strip(), int(hits)) for name in chosen)
        st.session_state[_RESULT] = (str(ws.path), question.strip(), pair)
    kept = st.session_state.get(_RESULT)
    if kept and kept[0] == str(ws.path):
        if busy and asked:
            st.caption(t(":material/hourglass_top: A build is running: the times are disturbed."))
        show(ws, kept[1], *kept[2])


def show(ws: Workspace, question: str, left: Found, right: Found) -> None:
    """Both lists rank by rank, with what differs marked."""
    ranks = align(left.hits, right.hits)
    passages = {passage.id: passage for passage in state.corpus_of(ws).passages}
    names = t(STORES[left.store].label), t(STORES[right.store].label)
    st.markdown(
        t(
            "“{question}”: {same}. {left} took **{left_ms:.2f} ms**, {right} **{right_ms:.2f} ms** (median of "
            "{repeats} searches, embedding the question not counted).",
            question=escape(question),
            same=_in_common(ranks, max(len(left.hits), len(right.hits))),
            left=names[0],
            left_ms=left.ms,
            right=names[1],
            right_ms=right.ms,
            repeats=_REPEATS,
        )
    )
    rows = [
        {
            "rank": rank.rank,
            "left": _cell(rank.left, passages),
            "left_also": _mark(rank.left, rank.rank),
            "left_score": rank.left.hit.score if rank.left else None,
            "right": _cell(rank.right, passages),
            "right_also": _mark(rank.right, rank.rank),
            "right_score": rank.right.hit.score if rank.right else None,
        }
        for rank in ranks
    ]
    if not rows:
        st.caption(t("Neither store found a passage."))
        return
    show_table(rows, "sbs-table", _columns(*names), placeholder="–")
    st.caption(t("Scores can be compared within one store only: cosine for vectors, BM25 for words."))


def _columns(left: str, right: str) -> dict[str, Any]:
    number = st.column_config.NumberColumn
    text = st.column_config.TextColumn
    other = t("Where the other store has the same passage.")
    return {
        "rank": number(t("Rank"), pinned=True, width=50),
        "left": text(left, width=230),
        "left_also": text(t("Beside"), help=other, width=95),
        "left_score": number(t("Score"), format="%.3f", width=70),
        "right": text(right, width=230),
        "right_also": text(t("Beside"), help=other, width=95),
        "right_score": number(t("Score"), format="%.3f", width=70),
    }


def _in_common(ranks: list[Rank], most: int) -> str:
    if all(rank.left and rank.right and rank.left.other_rank == rank.rank for rank in ranks):
        return t("the same passages in the same order")
    return t("{n} of {most} passages in common", n=shared(ranks), most=most)


def _cell(aligned: AlignedHit | None, passages: dict[str, Passage]) -> str | None:
    if aligned is None:
        return None
    passage = passages.get(aligned.hit.passage_id)
    return (passage.title or passage.text[:80]) if passage else aligned.hit.passage_id


def _mark(aligned: AlignedHit | None, rank: int) -> str | None:
    if aligned is None:
        return None
    if aligned.other_rank is None:
        return t("● only here")
    return t("= same") if aligned.other_rank == rank else t("↕ rank {rank}", rank=aligned.other_rank)
