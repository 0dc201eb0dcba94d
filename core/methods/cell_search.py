"""Retrieval of CAG: the best passages in the Voronoi cells nearest to the question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.methods.from_blocks import Selection
from core.methods.resources import Resources
from core.methods.worth_reading import worth_reading
from core.models.embeddings import load_vectors
from core.models.encoder import Vectors
from core.models.presets import unrelated_cosine
from core.trace import Tracer
from core.voronoi.partition import Partition
from core.voronoi.routing import Route, default_nprobe, route

RANKED = 50
"""Nearest cells reported with an answer, to show how far away the right cell was."""


@dataclass(frozen=True)
class CellHits:
    """The result of a search in cells.

    Attributes:
        vector: [dim] unit vector of the question.
        chosen: The best passages in the cells.
    """

    route: Route
    vector: Vectors
    chosen: Selection


class CellSearch:
    """Searches the cells nearest to a question; used by CAG in process and on a server.

    Args:
        resources: Needs the artefacts corpus, embeddings and partition.
    """

    def __init__(self, resources: Resources) -> None:
        ws, settings = resources.workspace, resources.settings
        self._encoder = resources.models.encoder()
        ws.require("embeddings", {"encoder": self._encoder.fingerprint})
        self._vectors, self._passages = load_vectors(ws), resources.corpus.passages
        self.partition = ws.read("partition", Partition.load)
        self.members = self.partition.members()
        self.nprobe = min(settings.nprobe or default_nprobe(self.partition.k), self.partition.k)
        self._top_k, self._cutoff = settings.top_k, settings.score_cutoff
        self._unrelated = unrelated_cosine(settings.encoder)

    def find(self, question: str, tracer: Tracer, only: int | None = None) -> CellHits:
        """Encodes and routes the question and ranks the passages of its cells, with a span for each step.

        Args:
            only: A cell to look into instead of those that the question is routed to.
        """
        with tracer.span("encode"):
            vector = self._encoder.encode_query(question)
        with tracer.span("route"):
            routed = self.route(question, vector)
            opened = routed.cells[: self.nprobe] if only is None else (only,)
            cells = [cell for cell in opened for _ in self.members[cell]]
            rows = [row for cell in opened for row in self.members[cell]]
            scores = self.scores(rows, vector)
            best = np.argsort(-scores, kind="stable")[: self._top_k]
            candidates = [(self._passages[rows[i]], float(scores[i])) for i in best]
            best = best[worth_reading(question, candidates, self._cutoff, self._unrelated)]
        details = {
            "cells": [cells[i] for i in best],
            "nearest": list(routed.cells if only is None else opened),
            "probed": len(opened),
            "of_cells": self.partition.k,
            "margin": float(routed.margin),
        }
        read = self.partition.centroids.nbytes + len(rows) * vector.nbytes
        return CellHits(
            routed, vector, Selection([rows[i] for i in best], [float(scores[i]) for i in best], read, details)
        )

    def scores(self, rows: Sequence[int], vector: Vectors) -> Vectors:
        """Cosine similarity of some passages to a question's vector."""
        return np.asarray(self._vectors[list(rows)] @ vector)

    def route(self, question: str, vector: Vectors) -> Route:
        """The nearest cells, the ones to search first; a control overrides this."""
        return route(self.partition, vector, max(self.nprobe, RANKED))
