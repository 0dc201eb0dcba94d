"""Redis RAG: hybrid search by vector and words in Redis, with an optional cache of answers.

The cache is off by default, because answers from a cache would distort a comparison of latencies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from core.artefacts import index_kind
from core.corpus.types import Passage
from core.errors import ArtefactMissing, ArtefactStale, TesseraError
from core.jobs import finish
from core.methods.answer_cache import DISTANCE, TTL_S, AnswerCache, CachedAnswer, scope_of
from core.methods.base import Answer, Event, Evidence, EvidenceChosen, Finished, Text, as_evidence, read_passages
from core.methods.resources import Resources
from core.methods.worth_reading import meant_rows, worth_reading
from core.models.encoder import Encoder, Vectors
from core.models.presets import unrelated_cosine
from core.stores.base import SearchRequest
from core.stores.index import build_index
from core.stores.redis.answer_keys import key_of
from core.stores.redis.cached_encoder import CachedEncoder
from core.stores.redis.connection import connection
from core.stores.redis.metrics import Metrics, Outcome
from core.stores.registry import find_store
from core.trace import Tracer
from core.workspace import Workspace

STORE = "redis-flat"
KEYWORD_PERCENT = 30


class RedisRag:
    """Hybrid retrieval in Redis, then reading.

    Args:
        resources: Needs the corpus and its embeddings, from which the index in Redis is built on first use.
        cache: Whether to use the answer cache; None follows the settings.
        distance: Largest cosine distance between questions that count as the same; 0 requires the same words.
        ttl_s: Seconds until a cached answer expires.
        keyword_percent: Weight of the question's words against its vector; 0 searches by vector only.

    Raises:
        ArtefactMissing: There is no corpus.
        TesseraError: Redis is not available.
    """

    name = "redis-rag"

    def __init__(
        self,
        resources: Resources,
        cache: bool | None = None,
        distance: float = DISTANCE,
        ttl_s: int = TTL_S,
        keyword_percent: int = KEYWORD_PERCENT,
    ) -> None:
        from core.stores.redis.base import KEYWORDS  # loads redisvl

        settings, ws = resources.settings, resources.workspace
        self._encoder: Encoder = resources.models.encoder()
        self._engine = resources.engine()
        self._passages = resources.passages
        self._store = find_store(STORE).open(_index(ws, self._encoder))
        self._options = {KEYWORDS: keyword_percent} if keyword_percent else {}
        self._top_k, self._cutoff = settings.top_k, settings.score_cutoff
        self._unrelated, self._reading = unrelated_cosine(settings.encoder), settings.reading
        server = connection()
        self._metrics = Metrics(server, key_of(ws))
        self._cache: AnswerCache | None = None
        if settings.answer_cache if cache is None else cache:
            facts = {
                "corpus": ws.fingerprint("corpus"),
                "index": ws.fingerprint(index_kind(STORE)),
                "encoder": self._encoder.fingerprint,
                "model": self._engine.identity.fingerprint,
                "top_k": self._top_k,
                "score_cutoff": self._cutoff,
                "reading": self._reading,
                "max_new_tokens": settings.max_new_tokens,
                "keyword_percent": keyword_percent,
            }
            self._encoder = CachedEncoder(self._encoder, server)
            self._cache = AnswerCache(server, key_of(ws), scope_of(facts), self._encoder, distance, ttl_s)

    def stream(self, question: str) -> Iterator[Event]:
        """Answers from the cache if it is on and has the question; else encodes, retrieves, prefills and decodes."""
        tracer = Tracer(self._engine.synchronise)
        cached = self._exact(question, tracer)
        vector = None
        if cached is None:
            with tracer.span("encode"):
                vector = self._encoder.encode_query(question)
            cached = self._similar(question, vector, tracer)
        if cached is not None:
            yield from self._from_cache(question, cached, tracer)
        elif vector is not None:
            yield from self._generate(question, vector, tracer)

    def _exact(self, question: str, tracer: Tracer) -> CachedAnswer | None:
        if self._cache is None:
            return None
        with tracer.span("cache lookup"):
            return self._cache.exact(question)

    def _similar(self, question: str, vector: Vectors, tracer: Tracer) -> CachedAnswer | None:
        if self._cache is None:
            return None
        with tracer.span("cache lookup"):
            return self._cache.similar(question, vector)

    def _from_cache(self, question: str, cached: CachedAnswer, tracer: Tracer) -> Iterator[Event]:
        yield EvidenceChosen(cached.evidence)
        tracer.first_token()
        yield Text(cached.text)
        trace = tracer.finish()
        saved = max(0.0, cached.took_ms - trace.total_ms)
        details = {**self._facts(len(cached.evidence)), "cache": cached.match, "cache_question": cached.question}
        details |= {"cache_distance": cached.distance, "saved_ms": saved}
        details |= self._count(trace.total_ms, 0, cached.match, saved)
        yield Finished(Answer(self.name, question, cached.text, cached.evidence, trace, details))

    def _generate(self, question: str, vector: Vectors, tracer: Tracer) -> Iterator[Event]:
        with tracer.span("retrieve"):
            request = SearchRequest(vector=vector, text=question, k=self._top_k, options=self._options)
            hits = self._store.search(request)
        candidates = [(self._passages[hit.passage_id], hit.score) for hit in hits]
        candidates = [candidates[number] for number in self._worth_reading(question, candidates)]
        passages = [passage for passage, _ in candidates]
        evidence = as_evidence(passages, (score for _, score in candidates))
        yield EvidenceChosen(evidence)
        tracer.bytes_touched += sum(len(p.text.encode()) for p in passages)
        text, facts = yield from read_passages(self._engine, passages, question, tracer, self._reading)
        trace = tracer.finish()
        details = self._facts(len(passages)) | facts | {"cache": "miss" if self._cache else "off"}
        details |= self._keep(question, vector, text, evidence, trace.total_ms)
        details |= self._count(trace.total_ms, len(passages), "miss" if self._cache else "bypass")
        yield Finished(Answer(self.name, question, text, evidence, trace, details))

    def _worth_reading(self, question: str, candidates: Sequence[tuple[Passage, float]]) -> list[int]:
        if self._cutoff and self._options:  # a hybrid score is no cosine: a share of the best one says nothing
            return meant_rows(question, [passage for passage, _ in candidates])
        return worth_reading(question, candidates, self._cutoff, self._unrelated)

    def _facts(self, passages: int) -> dict[str, Any]:
        return {"store": STORE, "top_k": passages, **self._options}

    def _keep(
        self, question: str, vector: Vectors, text: str, evidence: tuple[Evidence, ...], took_ms: float
    ) -> dict[str, str]:
        """Stores the answer in the cache; a failure is reported in the details and does not withhold the answer."""
        if self._cache is None:
            return {}
        try:
            self._cache.keep(question, vector, text, evidence, took_ms)
        except TesseraError as error:
            return {"cache_error": error.what}
        return {}

    def _count(self, ms: float, documents: int, outcome: Outcome, saved_ms: float = 0.0) -> dict[str, str]:
        """Counts the answer in the metrics, after its clock has stopped; failures are handled as in ``_keep``."""
        try:
            self._metrics.record(ms, documents, outcome, saved_ms)
        except TesseraError as error:
            return {"metrics_error": error.what}
        return {}


def _index(ws: Workspace, encoder: Encoder) -> Path:
    """Folder of the index in Redis, which is built if it is missing, stale or no longer on the server."""
    kind, inputs = index_kind(STORE), {"encoder": encoder.fingerprint}
    ws.require("corpus")
    ws.require("embeddings", inputs, read=False)
    try:
        find_store(STORE).open(ws.require(kind, inputs)).close()
    except (ArtefactMissing, ArtefactStale):
        finish(build_index(ws, STORE, force=True))
    return ws.require(kind, inputs)
