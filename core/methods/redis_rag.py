"""Redis RAG: search by vector and words in Redis, and answer a question asked before from the cache.

The cache is off unless it is asked for: an answer that was only looked up would falsify a comparison of clocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core import pipeline
from core.errors import ArtefactMissing, ArtefactStale, TesseraError
from core.methods.base import Answer, Event, Evidence, Finished, Found, Text, decode, prefill
from core.methods.resources import Resources
from core.models.encoder import Encoder, Vectors
from core.redis.answer_cache import DISTANCE, TTL_S, AnswerCache, Kept, scope_of
from core.redis.connection import connection
from core.redis.kept_answers import key_of
from core.redis.kept_encoder import KeptEncoder
from core.redis.metrics import Metrics, Outcome
from core.stores.base import SearchRequest
from core.stores.redis_base import KEYWORDS
from core.stores.registry import find_store
from core.trace import Tracer
from core.workspace import Workspace, index_kind

STORE = "redis-flat"
KEYWORD_PERCENT = 30


class RedisRag:
    """Hybrid retrieval in Redis, then reading.

    Args:
        resources: Needs the corpus and its embeddings. Its index in Redis is a copy of these, and is made when the
            arm is first opened.
        cache: Whether to answer from the cache; None follows the settings.
        distance: Largest cosine distance at which two questions count as one; 0 for the same words alone.
        ttl_s: Seconds an answer is kept.
        keyword_percent: What the words of a question weigh beside its vector; 0 for the vector alone.

    Raises:
        ArtefactMissing: There is no corpus.
        TesseraError: There is no Redis to be had.
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
        settings, ws = resources.settings, resources.workspace
        self._encoder: Encoder = resources.models.encoder()
        self._lm = resources.models.language_model(resources.reader)
        self._passages = resources.passages
        self._store = find_store(STORE).open(_index(ws, self._encoder))
        self._options = {KEYWORDS: keyword_percent} if keyword_percent else {}
        self._top_k, self._limit = settings.top_k, settings.max_new_tokens
        server = connection()
        self._metrics = Metrics(server, key_of(ws))
        self._cache: AnswerCache | None = None
        if settings.answer_cache if cache is None else cache:
            facts = {
                "corpus": ws.fingerprint("corpus"),
                "index": ws.fingerprint(index_kind(STORE)),
                "encoder": self._encoder.fingerprint,
                "model": self._lm.identity.fingerprint,
                "top_k": self._top_k,
                "max_new_tokens": self._limit,
                "keywords": keyword_percent,
            }
            self._encoder = KeptEncoder(self._encoder, server)
            self._cache = AnswerCache(server, key_of(ws), scope_of(facts), self._encoder, distance, ttl_s)

    def stream(self, question: str) -> Iterator[Event]:
        """Looks into the cache when it is on; else encodes, retrieves, prefills and decodes."""
        tracer = Tracer(self._lm.synchronise)
        kept = self._exact(question, tracer)
        vector = None
        if kept is None:
            with tracer.span("encode"):
                vector = self._encoder.encode_query(question)
            kept = self._similar(question, vector, tracer)
        if kept is not None:
            yield from self._from_cache(question, kept, tracer)
        elif vector is not None:
            yield from self._anew(question, vector, tracer)

    def _exact(self, question: str, tracer: Tracer) -> Kept | None:
        if self._cache is None:
            return None
        with tracer.span("cache lookup"):
            return self._cache.exact(question)

    def _similar(self, question: str, vector: Vectors, tracer: Tracer) -> Kept | None:
        if self._cache is None:
            return None
        with tracer.span("cache lookup"):
            return self._cache.similar(question, vector)

    def _from_cache(self, question: str, kept: Kept, tracer: Tracer) -> Iterator[Event]:
        yield Found(kept.evidence)
        tracer.first_token()
        yield Text(kept.text)
        trace = tracer.finish()
        saved = max(0.0, kept.took_ms - trace.total_ms)
        details = {**self._facts(len(kept.evidence)), "cache": kept.found, "cache_question": kept.question}
        details |= {"cache_distance": kept.distance, "saved_ms": saved}
        details |= self._count(trace.total_ms, 0, kept.found, saved)
        yield Finished(Answer(self.name, question, kept.text, kept.evidence, trace, details))

    def _anew(self, question: str, vector: Vectors, tracer: Tracer) -> Iterator[Event]:
        with tracer.span("retrieve"):
            request = SearchRequest(vector=vector, text=question, k=self._top_k, options=self._options)
            hits = self._store.search(request)
        passages = [self._passages[hit.passage_id] for hit in hits]
        evidence = tuple(Evidence(p.id, p.title, p.text, hit.score) for p, hit in zip(passages, hits, strict=True))
        yield Found(evidence)
        tracer.bytes_touched += sum(len(p.text.encode()) for p in passages)
        session = self._lm.session()
        said: list[str] = []
        yield from prefill(session, self._lm.prompt.context(passages) + self._lm.prompt.tail(question), tracer)
        yield from decode(self._lm, session, self._limit, tracer, said)
        text, trace = "".join(said).strip(), tracer.finish()
        details = self._facts(len(passages)) | {"cache": "miss" if self._cache else "off"}
        details |= self._keep(question, vector, text, evidence, trace.total_ms)
        details |= self._count(trace.total_ms, len(passages), "miss" if self._cache else "bypass")
        yield Finished(Answer(self.name, question, text, evidence, trace, details))

    def _facts(self, passages: int) -> dict[str, Any]:
        return {"store": STORE, "top_k": passages, **self._options}

    def _keep(
        self, question: str, vector: Vectors, text: str, evidence: tuple[Evidence, ...], took_ms: float
    ) -> dict[str, str]:
        """Keeps the answer; that it could not be kept is no reason not to give it, and is said in the details."""
        if self._cache is None:
            return {}
        try:
            self._cache.keep(question, vector, text, evidence, took_ms)
        except TesseraError as error:
            return {"not_kept": error.what}
        return {}

    def _count(self, ms: float, documents: int, outcome: Outcome, saved_ms: float = 0.0) -> dict[str, str]:
        """Counts the answer, after its clock has stopped; see ``_keep`` for what becomes of a failure."""
        try:
            self._metrics.record(ms, documents, outcome, saved_ms)
        except TesseraError as error:
            return {"not_counted": error.what}
        return {}


def _index(ws: Workspace, encoder: Encoder) -> Path:
    """Folder of the index in Redis, built from the embeddings where it is missing, stale or gone from the server."""
    kind, inputs = index_kind(STORE), {"encoder": encoder.fingerprint}
    ws.require("corpus")
    ws.require("embeddings", inputs)
    try:
        find_store(STORE).open(ws.require(kind, inputs)).close()
    except (ArtefactMissing, ArtefactStale):
        for _ in pipeline.build_index(ws, STORE, force=True):
            pass  # one step, and opening is not timed
    return ws.require(kind, inputs)
