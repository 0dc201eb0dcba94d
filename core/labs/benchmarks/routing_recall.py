"""Routing recall by number of cells searched, and by distance of the questions to a border.

The report of a split is kept in ``runs/routing-<split>.json`` of the workspace, with the partition it belongs to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.corpus.types import Question
from core.errors import TesseraError
from core.jobs import Progress, Work
from core.labs.benchmarks.reports import read_report, write_report
from core.models.embeddings import load_vectors
from core.models.encoder import Vectors
from core.models.registry import Models
from core.voronoi.partition import Partition
from core.voronoi.routing import RecallPoint, default_nprobe, route, routing_recall
from core.workspace import Workspace

GROUPS = 4
_FEW = 10
_STEPS = (12, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1000)


@dataclass(frozen=True)
class MarginGroup:
    """Questions of similar margin: a quarter of all, from the border inwards.

    Attributes:
        recall: Mean share of gold passages in the nearest cell.
        recall_two: The same for the two nearest cells.
    """

    low: float
    high: float
    questions: int
    recall: float
    recall_two: float


@dataclass(frozen=True)
class SearchPoint:
    """Recall and cost of the best passages of ``nprobe`` cells, which CAG reads.

    Attributes:
        recall: Mean share of gold passages among the best k of these cells.
        passages: Mean number of passages that are compared.
        bytes: Mean bytes of the vectors read: all centroids, and the passages of these cells.
    """

    nprobe: int
    recall: float
    passages: float
    bytes: float


@dataclass(frozen=True)
class RecallReport:
    """Routing recall of a split.

    Attributes:
        questions: Questions with a gold passage.
        searches: Recall of the best passages by cells looked into; the last looks into all, which is a flat search.
        default: Cells that CAG opens by default.
    """

    split: str
    questions: int
    cells: int
    partition: str
    points: tuple[RecallPoint, ...]
    margins: tuple[MarginGroup, ...]
    searches: tuple[SearchPoint, ...] = ()  # a report of an early version has none of these
    k: int = 0
    default: int = 0


def measure_recall(
    ws: Workspace, models: Models, questions: Sequence[Question], rows: Mapping[str, int], split: str, k: int = 3
) -> Work:
    """Encodes and routes questions, and keeps the report in the workspace: see ``saved_report``.

    Args:
        models: Their encoder must be the one that the passages were embedded with.
        questions: Those without a gold passage are left out.
        rows: Row of each passage by its id.
        split: Name under which the report is kept.

    Yields:
        A step per question.

    Raises:
        ArtefactMissing: There is no partition.
        ArtefactStale: The passages were embedded by another encoder.
        TesseraError: No question names a gold passage of the corpus.
    """
    encoder = models.encoder()
    ws.require("embeddings", {"encoder": encoder.fingerprint})
    partition = ws.read("partition", Partition.load)
    labelled = [question for question in questions if question.passage_ids and set(question.passage_ids) <= set(rows)]
    if not labelled:
        raise TesseraError("No question names its gold passage.", "Routing recall needs questions with passage ids.")
    vectors = []
    for question in labelled:
        vectors.append(encoder.encode_query(question.text))
        yield Progress("Routing questions", len(vectors), len(labelled))
    queries = np.stack(vectors)
    gold = [[rows[passage_id] for passage_id in question.passage_ids] for question in labelled]
    report = RecallReport(
        split=split,
        questions=len(labelled),
        cells=partition.k,
        partition=ws.fingerprint("partition"),
        points=tuple(routing_recall(partition, queries, gold, probes(partition.k))),
        margins=tuple(recall_by_margin(partition, queries, gold)),
        searches=tuple(search_recall(partition, load_vectors(ws), queries, gold, k)),
        k=k,
        default=default_nprobe(partition.k),
    )
    write_report(report_path(ws, split), report)


def search_recall(
    partition: Partition, vectors: Vectors, queries: Vectors, gold: Sequence[Sequence[int]], k: int
) -> list[SearchPoint]:
    """The best k passages of ever more cells against those of a flat search.

    Args:
        vectors: [n, dim] unit vectors of the passages.
        queries: [m, dim] unit vectors of the questions.
        gold: Rows of the gold passages of each question, at least one.
    """
    # [m, n]: how similar each passage is to each question, and how many cells are nearer than its own.
    similarity = queries @ vectors.T
    order = np.argsort(-(queries @ partition.centroids.T), axis=1, kind="stable")
    rank = np.argsort(order, axis=1)[:, partition.assignment]
    points = []
    for nprobe in sorted({*probes(partition.k), default_nprobe(partition.k)}):
        opened = rank < nprobe
        best = np.argsort(-np.where(opened, similarity, -2.0), axis=1, kind="stable")[:, :k]
        shares = [np.isin(rows, best[i]).mean() for i, rows in enumerate(gold)]
        passages = float(opened.sum(axis=1).mean())
        read = (partition.k + passages) * vectors.shape[1] * vectors.itemsize
        points.append(SearchPoint(nprobe, float(np.mean(shares)), passages, read))
    return points


def recall_by_margin(
    partition: Partition, queries: Vectors, gold: Sequence[Sequence[int]], groups: int = GROUPS
) -> list[MarginGroup]:
    """Cuts the questions into groups of equal size by their margin, and measures each.

    Args:
        queries: [m, dim] unit vectors of the questions.
        gold: Rows of the gold passages of each question, at least one.
        groups: How many groups; fewer where there are fewer questions.
    """
    margins = np.array([route(partition, query).margin for query in queries])
    order = np.argsort(margins, kind="stable")
    measured = []
    for members in np.array_split(order, min(groups, len(order))):
        one_cell, two_cells = routing_recall(partition, queries[members], [gold[row] for row in members], [1, 2])
        low, high = float(margins[members[0]]), float(margins[members[-1]])
        measured.append(MarginGroup(low, high, len(members), one_cell.recall, two_cells.recall))
    return measured


def probes(cells: int) -> list[int]:
    """Numbers of cells worth opening: each of the first ten, then ever wider steps, then all."""
    return sorted({*range(1, min(_FEW, cells) + 1), *(step for step in _STEPS if step < cells), cells})


def saved_report(ws: Workspace, split: str) -> RecallReport | None:
    """The report of a split, if it is of the partition as it stands; None otherwise.

    Raises:
        TesseraError: The file is damaged.
    """
    report = read_report(report_path(ws, split), RecallReport)
    return report if report and report.searches and report.partition == ws.fingerprint("partition") else None


def report_path(ws: Workspace, split: str) -> Path:
    """Where the report of a split is kept."""
    return ws.path / "runs" / f"routing-{split}.json"
