"""A question on the map: where it lies, and which cells it opens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from app import state
from app.figures.map import MapData, MapQuestion
from app.i18n import t, tn
from app.views.compare.question_form import ask_on_compare
from app.views.shared.table import show_table
from core.corpus.types import Corpus
from core.models.embeddings import load_vectors
from core.models.encoder import Vectors
from core.voronoi.partition import Partition
from core.voronoi.projection import Points, Projection, project_query
from core.voronoi.routing import Route, default_nprobe, route
from core.workspace import Workspace

MOST_OPENED = 10


@dataclass(frozen=True)
class Located:
    """A question in the space and in the plane.

    Attributes:
        vector: [dim], its embedding.
        point: [2], where it is drawn.
        drawn_in: The cell on whose tile that is.
        found: Rows of the nearest passages in the opened cells, nearest first.
    """

    question: str
    vector: Vectors
    route: Route
    point: Points
    drawn_in: int
    found: tuple[int, ...]


def question_form(cells: int) -> tuple[str, int]:
    """The question and how many cells to open."""
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    question = left.text_input(
        t("A question to place on the map"),
        key="map_question",
        placeholder=t("Ask something that the passages can answer"),
        icon=":material/star:",
        persist_state="session",
    )
    usual = min(cells, state.settings().nprobe or default_nprobe(cells))
    most = min(max(MOST_OPENED, 2 * usual), cells)
    if most < 2:
        return question, 1
    nprobe = right.slider(
        t("Cells to open"),
        1,
        most,
        usual,
        key="map_nprobe",
        format=f"%d / {cells}",
        help=t(
            "As many as KV-cache CAG opens, unless you choose: near a border the answer may lie in the next cell. A "
            "search goes through the passages of all opened cells; the best few are read."
        ),
    )
    return question, nprobe


def locate_question(
    ws: Workspace, partition: Partition, projection: Projection, question: str, nprobe: int
) -> Located | None:
    """Encodes, routes and places a question; None without one."""
    if not question.strip():
        return None
    models = state.models()
    with models.lock:
        vector = models.encoder().encode_query(question.strip())
    vectors = vectors_of(ws)
    point = project_query(vector, vectors, projection.xy)
    drawn_in = int(partition.assignment[((projection.xy - point) ** 2).sum(axis=1).argmin()])
    opened = route(partition, vector, nprobe)
    inside = np.flatnonzero(np.isin(partition.assignment, opened.cells))
    nearest = inside[np.argsort(-(vectors[inside] @ vector), kind="stable")[: state.settings().top_k]]
    return Located(question.strip(), vector, opened, point, drawn_in, tuple(int(row) for row in nearest))


def vectors_of(ws: Workspace) -> Vectors:
    """The vectors of all passages, read once until they change."""
    vectors: Vectors = _vectors(str(ws.path), ws.fingerprint("embeddings"), ws)
    return vectors


@st.cache_resource(show_spinner=False, max_entries=2)
def _vectors(path: str, fingerprint: str, _ws: Workspace) -> Vectors:
    return load_vectors(_ws)


def map_of(
    corpus: Corpus, partition: Partition, projection: Projection, labels: Sequence[str], located: Located | None
) -> MapData:
    """Plain data for the figure."""
    question = None
    if located:
        route = located.route
        question = MapQuestion(located.question, located.point, route.cells, located.found)
    return MapData(
        ids=[passage.id for passage in corpus.passages],
        titles=[passage.title or passage.id for passage in corpus.passages],
        texts=[passage.text for passage in corpus.passages],
        xy=projection.xy,
        cells=partition.assignment.tolist(),
        labels=[labels[cell] if cell < len(labels) else t("cell {cell}", cell=cell) for cell in range(partition.k)],
        question=question,
    )


_SHOWN = 500


def picked_passages(corpus: Corpus, ids: Sequence[str]) -> None:
    """The passages of these ids, and the questions about them; draws nothing when none is a passage."""
    chosen = set(ids)
    passages = [passage for passage in corpus.passages if passage.id in chosen]
    if not passages:
        return
    with st.container(border=True, key="picked"):
        counted = tn(len(passages), "{n:,} passage picked.", "{n:,} passages picked.")
        cut = t("The first {n:,} are shown.", n=_SHOWN) if len(passages) > _SHOWN else ""
        st.markdown(f"**{counted}** {cut}".rstrip())
        shown = passages[:_SHOWN]
        show_table(
            {"title": [p.title for p in shown], "text": [p.text for p in shown], "id": [p.id for p in shown]},
            "picked_table",
            {"title": t("Title"), "text": t("Text"), "id": "Id"},
            height=min(300, 40 + 35 * len(shown)),
        )
        _ask_about(corpus, chosen)


def _ask_about(corpus: Corpus, ids: set[str]) -> None:
    """A question about the picked passages: one that the corpus brings, or the reader's own."""
    questions = [q.text for q in corpus.all_questions(train_last=True) if ids & set(q.passage_ids)]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        question = st.selectbox(
            t("Ask about these"),
            list(dict.fromkeys(questions))[:_SHOWN],
            key="picked_question",
            accept_new_options=True,
            placeholder=t("Choose a question, or type your own"),
            help=t("All methods are asked as usual; whether they find these passages is up to them."),
        )
        ask_on_compare(question or "", key="picked-ask")
