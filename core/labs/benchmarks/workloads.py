"""Workloads of the store benchmark: passages of a workspace, or clustered synthetic vectors, with exact answers.

Synthetic vectors are a seeded mixture that is about as hard as text embeddings: clusters of very different sizes, whose
centres share directions, and within a cluster a spread that decays over the dimensions. Uniform random vectors would
be harder than any text, and tight clusters easier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.corpus import store as corpus_store
from core.corpus.types import Passage, Question
from core.errors import TesseraError
from core.messages import message
from core.models.embeddings import load_vectors, nearest_rows
from core.models.encoder import Vectors
from core.models.registry import Models
from core.workspace import Workspace

PER_CLUSTER = 100
_CENTRE_DIMS = 64
_SPREAD = 1.6
_DECAY = 0.5
_JITTER = 0.35


@dataclass(frozen=True)
class Workload:
    """Passages to index and questions to ask.

    Attributes:
        vectors: [n, dim] their unit vectors.
        queries: [q, dim] unit vectors of the questions.
        texts: The questions as text; empty for synthetic vectors.
        gold: Ids of the passages that answer each question; empty where that is unknown.
    """

    name: str
    passages: Sequence[Passage]
    vectors: Vectors
    queries: Vectors
    texts: tuple[str, ...]
    gold: tuple[frozenset[str], ...]
    asked: str

    def exact(self, k: int) -> list[frozenset[str]]:
        """Ids of the k nearest passages of every question, by comparing with all of them."""
        nearest = nearest_rows(self.vectors, self.queries, k)
        return [frozenset(self.passages[row].id for row in rows) for rows in nearest]


def of_workspace(ws: Workspace, models: Models, queries: int, seed: int = 0) -> Workload:
    """The passages of a workspace and its held-out questions; without any, passages themselves, a little displaced.

    Raises:
        ArtefactMissing: The workspace is not prepared.
        ArtefactStale: It was prepared with another encoder.
    """
    corpus = ws.read("corpus", corpus_store.load)
    vectors = load_vectors(ws)
    split = next((name for name in ("dev", "test", "train") if corpus.questions.get(name)), None)
    name = message("{name}, {n:,} passages", name=corpus.name, n=len(vectors))
    if split is None:
        rng = np.random.default_rng(seed)
        rows = rng.choice(len(vectors), min(queries, len(vectors)), replace=False)
        displaced = _unit(vectors[rows] + _JITTER * _unit(rng.standard_normal((len(rows), vectors.shape[1]))))
        gold = tuple(frozenset({corpus.passages[row].id}) for row in rows)
        texts = tuple(corpus.passages[row].title for row in rows)
        return Workload(name, corpus.passages, vectors, displaced, texts, gold, "displaced passages")
    questions: Sequence[Question] = corpus.questions[split][:queries]
    encoder = models.encoder()
    ws.require("embeddings", {"encoder": encoder.fingerprint})
    encoded = np.stack([encoder.encode_query(question.text) for question in questions])
    gold = tuple(frozenset(question.passage_ids) for question in questions)
    texts = tuple(question.text for question in questions)
    return Workload(name, corpus.passages, vectors, encoded, texts, gold, message("{split} questions", split=split))


def synthetic(n: int, dim: int, queries: int, seed: int = 0) -> Workload:
    """A mixture of clusters; the questions are further draws from it.

    Raises:
        TesseraError: A number is too small.
    """
    if n < 1 or dim < 2 or queries < 1:
        raise TesseraError(
            message("{n} vectors of {dim} dimensions make no benchmark.", n=n, dim=dim), "Give larger numbers."
        )
    rng = np.random.default_rng(seed)
    clusters = max(1, n // PER_CLUSTER)
    shared = rng.standard_normal((min(_CENTRE_DIMS, dim), dim)).astype(np.float32)
    centres = _unit(rng.standard_normal((clusters, len(shared))).astype(np.float32) @ shared)
    # Sizes as topics have them: a few large clusters, many small ones (Zipf's law).
    weights = 1.0 / np.arange(1, clusters + 1) ** 0.7
    of = rng.choice(clusters, n + queries, p=weights / weights.sum())
    scales = np.arange(1, dim + 1, dtype=np.float32) ** -_DECAY
    scales *= _SPREAD / float(np.linalg.norm(scales))
    noise = rng.standard_normal((n + queries, dim), dtype=np.float32) * scales
    drawn = _unit(centres[of] + noise)
    passages = [Passage(f"v{row}", "", "", f"cluster {of[row]}") for row in range(n)]
    name, asked = message("synthetic, {n:,} vectors", n=n), message("draws from the same {n:,} clusters", n=clusters)
    return Workload(name, passages, drawn[:n], drawn[n:], (), (), asked)


def _unit(vectors: np.ndarray) -> Vectors:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)
