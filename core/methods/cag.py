"""KV-cache CAG: route the question to its Voronoi cell, inject the cell's stored KV cache, prefill the question alone.

The cell's passages are never tokenised or prefilled at query time: their keys and values were computed once
(Chan et al., "Don't Do RAG", arXiv 2412.15605; here cell by cell instead of the whole corpus).
"""

from __future__ import annotations

from collections.abc import Iterator

from core.kvcache.resident import ResidentCaches, ResidentStats
from core.kvcache.variants import open_store
from core.methods.base import Answer, Event, Evidence, Finished, Found, Working, decode, prefill
from core.methods.resources import Resources
from core.models.encoder import Vectors
from core.said import Said
from core.trace import Tracer
from core.voronoi.partition import Partition
from core.voronoi.routing import Route, route


class Cag:
    """Answers from the KV cache of the nearest cell.

    Args:
        resources: Needs the artefacts corpus, partition and caches.

    Raises:
        ArtefactMissing: One of them is not there.
        ArtefactStale: The caches were built by another model, prompt or adapter, or from other cells.
    """

    name = "cag"

    def __init__(self, resources: Resources) -> None:
        ws = resources.workspace
        self._encoder = resources.models.encoder()
        self._lm = resources.models.language_model(resources.reader)
        self._passages = resources.passages
        ws.require("embeddings", {"encoder": self._encoder.fingerprint})
        self._partition = Partition.load(ws.require("partition"))
        store = open_store(ws, self._lm, resources.settings)
        settings = resources.settings
        self._caches = ResidentCaches(store, self._lm, resources.models.cache_budget, ahead=settings.cache_prefetch)
        self._limit = settings.max_new_tokens
        rows = resources.corpus.passages
        self._cells = [[rows[row] for row in members] for members in self._partition.members()]
        self._tokens: dict[int, list[int]] = {}

    def stream(self, question: str) -> Iterator[Event]:
        """Encodes, routes, loads the cell's cache, prefills the question, then decodes."""
        tracer = Tracer(self._lm.synchronise)
        with tracer.span("encode"):
            vector = self._encoder.encode_query(question)
        with tracer.span("route"):
            routed = self._route(question, vector)
        cell = routed.cells[0]
        loading = Said("load cell {cell}", {"cell": cell})
        yield Working(loading, 0, 1)
        with tracer.span("load cache"):
            # The tokens that a prefill would read: what was stored must stand for them, or it is refused.
            loaded, hit = self._caches.get(cell, self._ids(cell))
            session = self._lm.session(loaded.cache(), self._ids(cell))
        yield Working(loading, 1, 1)
        tracer.cached_tokens += loaded.tokens
        tracer.bytes_touched += loaded.bytes
        similarity = float(routed.similarities[0])
        passages = [self._passages[passage_id] for passage_id in loaded.passage_ids]
        evidence = tuple(Evidence(p.id, p.title, p.text, similarity) for p in passages)
        yield Found(evidence)
        said: list[str] = []
        tail = self._lm.prompt.tail(question)
        yield from prefill(session, tail, tracer)
        yield from decode(self._lm, session, self._limit, tracer, said)
        details = {
            "cell": cell,
            "cells": [cell],
            "margin": float(routed.margin),
            "resident": hit,
            "reused_tokens": loaded.tokens,
            "prefilled_tokens": len(tail),
        }
        trace = tracer.finish()
        for runner_up in routed.cells[1:2]:
            self._caches.prefetch(runner_up, self._ids(runner_up))
        yield Finished(Answer(self.name, question, "".join(said).strip(), evidence, trace, details))

    def _route(self, question: str, vector: Vectors) -> Route:
        """The cell to open and the runner-up; a control chooses others."""
        return route(self._partition, vector, nprobe=2)

    def residency(self) -> ResidentStats:
        """Which cells are in memory, and what became of each since the method was opened."""
        return self._caches.stats()

    def _ids(self, cell: int) -> list[int]:
        """Tokens of a cell; tokenised once, since the passages of an open method do not change."""
        if cell not in self._tokens:
            self._tokens[cell] = self._lm.prompt.context(self._cells[cell])
        return self._tokens[cell]
