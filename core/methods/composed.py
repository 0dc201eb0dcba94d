"""KV-cache CAG, composed: the best passages of the nearest cells, each from its own stored block.

Whole-cell caches answer exactly but bring along all of one cell. Here several cells are opened, the best passages are
kept, and their blocks are moved and joined; the first tokens of every block are computed anew, so that it knows what
stands before it (see ``core.kvcache.compose``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from core.corpus.types import Passage
from core.kvcache.blocks import KIND, Gathered, gather
from core.kvcache.compose import divergence, join, link, link_places
from core.kvcache.location import store_of
from core.kvcache.resident import ResidentCaches
from core.methods.base import Answer, Event, Evidence, Finished, Found, Working, decode, prefill
from core.methods.resources import Resources
from core.models.encoder import Vectors
from core.models.language_model import LanguageModel
from core.models.session import Session
from core.pipeline import load_vectors
from core.trace import Tracer
from core.voronoi.partition import Partition
from core.voronoi.routing import route


@dataclass(frozen=True)
class Chosen:
    """What a question is answered from.

    Attributes:
        passages: Cell and passage, the best first.
        scores: Cosine similarity of each to the question.
        probed: Cells that were looked into, nearest first.
        margin: See ``core.voronoi.routing.Route``.
    """

    passages: list[tuple[int, Passage]]
    scores: list[float]
    probed: tuple[int, ...]
    margin: float


@dataclass(frozen=True)
class LinkPoint:
    """What linking so many tokens of every block gives and costs.

    Attributes:
        link_tokens: Tokens of every block computed anew; None is all of them.
        recomputed: Tokens computed anew in all.
        reused: Tokens taken from blocks as they are.
        kl: KL divergence in nats of the next-token distribution from the one after a full prefill.
        answer: The greedy answer.
        same: Whether the full prefill gives the same answer.
        ttft_ms: Joining, linking and the question, in ms, blocks being in memory.
    """

    link_tokens: int | None
    recomputed: int
    reused: int
    kl: float
    answer: str
    same: bool
    ttft_ms: float


class Composed:
    """Answers from blocks of single passages.

    Args:
        resources: Needs the artefacts corpus, embeddings, partition and blocks.
        nprobe: Cells to look into; None follows the settings.
        keep: Passages to keep, 0 for all of the cells; None follows the settings.

    Raises:
        ArtefactMissing: One of them is not there.
        ArtefactStale: The blocks were computed by another model, prompt or adapter, or from other cells.
    """

    name = "composed"

    def __init__(self, resources: Resources, nprobe: int | None = None, keep: int | None = None) -> None:
        ws, settings = resources.workspace, resources.settings
        self._encoder = resources.models.encoder()
        self._lm = resources.models.language_model(resources.reader)
        self._passages = resources.corpus.passages
        ws.require("embeddings", {"encoder": self._encoder.fingerprint})
        self._vectors = load_vectors(ws)
        self._partition = Partition.load(ws.require("partition"))
        self._members = self._partition.members()
        store = store_of(ws.require(KIND, {"model": self._lm.identity.fingerprint}))
        self._blocks = ResidentCaches(store, self._lm, resources.models.cache_budget)
        self._nprobe = settings.nprobe if nprobe is None else nprobe
        self._keep = settings.block_passages if keep is None else keep
        self._link = settings.link_tokens
        self._limit = settings.max_new_tokens

    def stream(self, question: str) -> Iterator[Event]:
        """Encodes, routes, chooses passages, joins and links their blocks, prefills the question, then decodes."""
        lm, tracer = self._lm, Tracer(self._lm.synchronise)
        with tracer.span("encode"):
            vector = self._encoder.encode_query(question)
        with tracer.span("route"):
            chosen = self._choose(vector)
        yield Working("load blocks", 0, len(chosen.passages))
        with tracer.span("load blocks"):
            gathered = self._gather(chosen)
        yield Working("load blocks", len(chosen.passages), len(chosen.passages))
        scored = zip(chosen.passages, chosen.scores, strict=True)
        evidence = tuple(Evidence(p.id, p.title, p.text, score) for (_, p), score in scored)
        yield Found(evidence)
        with tracer.span("join"):
            session = lm.session(join(lm, gathered.head, gathered.blocks), _ids(lm, chosen))
        joined = session.length
        places = _places(lm, gathered, self._link)
        with tracer.span("link"):
            for done in link(lm, session.cache, _ids(lm, chosen), places):
                yield Working("link blocks", done, len(places))
        tracer.prompt_tokens += len(places)
        tracer.cached_tokens += joined - len(places)
        tracer.bytes_touched += joined * lm.kv_bytes_per_token
        said: list[str] = []
        tail = lm.prompt.tail(question)
        yield from prefill(session, tail, tracer)
        yield from decode(lm, session, self._limit, tracer, said)
        details = {
            "cells": [*gathered.hits, *gathered.misses],
            "resident": not gathered.misses,
            "margin": chosen.margin,
            "probed": list(chosen.probed),
            "passages": len(gathered.blocks),
            "link_tokens": self._link,
            "reused_tokens": joined - len(places),
            "recomputed_tokens": len(places),
            "prefilled_tokens": len(tail),
        }
        yield Finished(Answer(self.name, question, "".join(said).strip(), evidence, tracer.finish(), details))

    def sweep(self, question: str, counts: Sequence[int | None]) -> Iterator[LinkPoint]:
        """From independent blocks to the exact prefill: what every number of link tokens gives.

        Args:
            question: What is asked.
            counts: Link tokens per block; None links all.
        """
        lm = self._lm
        chosen = self._choose(self._encoder.encode_query(question))
        gathered, ids, tail = self._gather(chosen), _ids(lm, chosen), lm.prompt.tail(question)
        full = lm.session()
        _drain(full.feed(ids + tail))
        target = _logits(full)
        exact = self._say(full)
        for count in counts:
            tracer = Tracer(lm.synchronise)
            session = lm.session(join(lm, gathered.head, gathered.blocks), ids)
            places = _places(lm, gathered, len(ids) if count is None else count)
            _drain(link(lm, session.cache, ids, places))
            _drain(session.feed(tail))
            logits, ttft = _logits(session), tracer.finish().total_ms
            said = self._say(session)
            kl = divergence(target, logits)
            yield LinkPoint(count, len(places), len(ids) - len(places), kl, said, said == exact, ttft)

    def _choose(self, vector: Vectors) -> Chosen:
        routed = route(self._partition, vector, min(self._nprobe, self._partition.k))
        cells = [cell for cell in routed.cells for _ in self._members[cell]]
        rows = [row for cell in routed.cells for row in self._members[cell]]
        scores = self._vectors[rows] @ vector
        best = np.argsort(-scores, kind="stable")[: self._keep or None]
        passages = [(cells[i], self._passages[rows[i]]) for i in best]
        return Chosen(passages, [float(scores[i]) for i in best], routed.cells, float(routed.margin))

    def _gather(self, chosen: Chosen) -> Gathered:
        cells = {cell: [self._passages[row] for row in self._members[cell]] for cell, _ in chosen.passages}
        return gather(self._blocks, self._lm, cells, chosen.passages)

    def _say(self, session: Session) -> str:
        return "".join(self._lm.stream_text(session.decode(self._limit))).strip()


def _ids(lm: LanguageModel, chosen: Chosen) -> list[int]:
    return lm.prompt.context([passage for _, passage in chosen.passages])


def _places(lm: LanguageModel, gathered: Gathered, link_tokens: int) -> list[int]:
    return link_places(len(lm.prompt.head), [block.tokens for block in gathered.blocks], link_tokens)


def _drain(steps: Iterator[int]) -> None:
    for _ in steps:
        pass


def _logits(session: Session) -> torch.Tensor:
    if session.logits is None:
        raise RuntimeError("nothing was fed")
    return session.logits
