"""The retrieval bench: ways of finding passages, measured against each other on the same questions.

    python -m app bench retrieval --workspace nq --queries 300

For each way: recall of the answering passages at 1, 3, 5 and 10, and the latency of one client. Encoding the question
is timed once for all. Nothing else may run meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from core.corpus import store as corpus_store
from core.corpus.types import Passage, Question
from core.errors import TesseraError
from core.jobs import Progress, Work
from core.messages import message
from core.models.embeddings import load_vectors
from core.models.encoder import Vectors
from core.models.registry import Models
from core.models.rerank import MAXSIM, Reranker, best_first, open_reranker
from core.settings import Settings
from core.stores.base import SearchRequest, VectorStore
from core.stores.bm25 import Bm25
from core.stores.faiss_index import FaissFlat
from core.stores.redis.base import ANY, EVERY, KEYWORDS, REQUIRED, RedisFlat, drop
from core.trace import timed
from core.workspace import Workspace

DEPTHS = (1, 3, 5, 10)
_WARM_UP = 3


@dataclass(frozen=True)
class Row:
    """One way of finding passages.

    Attributes:
        recall: Share of the questions with an answering passage among the first k hits, by k.
        empty: Questions for which nothing was found.
        p50_ms: Median latency, without encoding the question.
        p99_ms: Its 99th percentile.
    """

    way: str
    n: int
    recall: dict[int, float]
    empty: int
    p50_ms: float
    p99_ms: float


Way = Callable[[str, Vectors], Sequence[str]]
"""Finds ids of passages, best first, for a question and its vector."""


def run(ws: Workspace, models: Models, settings: Settings, queries: int, split: str, rerank: str, weight: int) -> Work:
    """Measures; the last step's data are the rows.

    Args:
        models: Its encoder embeds the questions.
        settings: Seed of the draw of questions; device and models of the re-ranker.
        rerank: See ``open_reranker``.
        weight: What words weigh in the fusion of scores, in percent.

    Raises:
        ArtefactMissing: The workspace is not prepared.
        TesseraError: It has no questions, or Redis is not available.
    """
    corpus, vectors, encoder = ws.read("corpus", corpus_store.load), load_vectors(ws), models.encoder()
    ws.require("embeddings", {"encoder": encoder.fingerprint})
    chosen = _drawn(corpus.questions.get(split, ()), queries, settings.seed, split)
    again = open_reranker(rerank or MAXSIM, encoder, settings)
    encoded, encoding_ms = timed(lambda: [(question, encoder.encode_query(question.text)) for question in chosen])
    known = {passage.id: passage for passage in corpus.passages}
    rows: list[Row] = []
    with TemporaryDirectory(prefix="tessera-retrieval-") as scratch:
        folder = Path(scratch)
        redis = RedisFlat.create(folder / "redis", corpus.passages, vectors)
        try:
            flat = FaissFlat.create(folder / "flat", corpus.passages, vectors)
            words = Bm25.create(folder / "words", corpus.passages)
            ways: dict[str, Way] = {
                message("vector"): _searching(redis),
                message("words (BM25)"): _searching(words, by_vector=False),
                message("scores fused, words {weight} %", weight=weight): _searching(redis, {KEYWORDS: weight}),
                message("vector, among passages with any word"): _searching(redis, {REQUIRED: ANY}),
                message("vector, among passages with every word"): _searching(redis, {REQUIRED: EVERY}),
                message("vector in process"): _searching(flat),
                message("vector in process, {n} re-ranked by {name}", n=DEPTHS[-1], name=again.name): _reranked(
                    flat, again, known
                ),
                message("words (BM25), {n} re-ranked by {name}", n=DEPTHS[-1], name=again.name): _reranked(
                    words, again, known, by_vector=False
                ),
            }
            for number, (name, way) in enumerate(ways.items()):
                yield Progress("Retrieval bench", number, len(ways), name)
                rows.append(_measured(name, way, encoded))
        finally:
            redis.close()
            drop(folder / "redis")
    yield Progress("Retrieval bench", len(ways), len(ways), "", {"encode_ms": encoding_ms / len(encoded), "rows": rows})


def _drawn(questions: Sequence[Question], count: int, seed: int, split: str) -> list[Question]:
    known = [question for question in questions if question.passage_ids]
    if not known:
        what = message("There are no {split} questions whose passages are known.", split=split)
        raise TesseraError(what, "Choose another split, or a corpus with questions.")
    return [known[row] for row in np.random.default_rng(seed).permutation(len(known))[:count]]


def _searching(store: VectorStore, options: dict[str, int] | None = None, by_vector: bool = True) -> Way:
    def find(text: str, vector: Vectors) -> list[str]:
        request = SearchRequest(DEPTHS[-1], vector if by_vector else None, text, options=options or {})
        return [hit.passage_id for hit in store.search(request)]

    return find


def _reranked(store: VectorStore, again: Reranker, known: dict[str, Passage], by_vector: bool = True) -> Way:
    search = _searching(store, by_vector=by_vector)

    def find(text: str, vector: Vectors) -> list[str]:
        ids = search(text, vector)
        return [ids[number] for number in best_first(again.scores(text, [known[i] for i in ids]))]

    return find


def _measured(name: str, way: Way, questions: Sequence[tuple[Question, Vectors]]) -> Row:
    for question, vector in questions[:_WARM_UP]:
        way(question.text, vector)
    times, results = [], []
    for question, vector in questions:
        ids, ms = timed(partial(way, question.text, vector))
        results.append(ids)
        times.append(ms)
    gold = [set(question.passage_ids) for question, _ in questions]
    recall = {k: float(np.mean([bool(g & set(ids[:k])) for g, ids in zip(gold, results, strict=True)])) for k in DEPTHS}
    p50, p99 = (float(value) for value in np.percentile(times, (50, 99)))
    return Row(name, len(questions), recall, sum(not ids for ids in results), p50, p99)
