"""Base of the methods that answer from stored blocks. They differ in how passages are retrieved."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from core.kvcache.blocks import PassageBlocks
from core.kvcache.lru import ResidentStats
from core.kvcache.variants import BLOCKS, open_store
from core.methods.base import Answer, Event, EvidenceChosen, Finished, Working, as_events, as_evidence
from core.methods.resources import Resources
from core.models.engine import LocalEngine
from core.trace import Tracer


@dataclass(frozen=True)
class Selection:
    """The passages that a question is answered from.

    Attributes:
        rows: Their rows in the corpus, best first.
        scores: Their scores, larger is better.
        bytes: Bytes read to retrieve them.
        details: Facts of the retrieval, see ``Answer.details``.
    """

    rows: Sequence[int]
    scores: Sequence[float]
    bytes: int
    details: dict[str, Any]


class FromBlocks(ABC):
    """Retrieves passages, takes their stored blocks and prefills only the question.

    Args:
        resources: Needs the artefacts corpus and blocks, and those of the retrieval.

    Raises:
        ArtefactMissing: One of them is missing.
        ArtefactStale: The blocks were computed by another model, prompt or adapter, or from another corpus.
    """

    name: str

    def __init__(self, resources: Resources) -> None:
        self._lm = resources.language_model()
        self._passages = resources.corpus.passages
        store = open_store(resources.workspace, self._lm, resources.settings, BLOCKS)
        self._blocks = PassageBlocks(store, self._lm, self._passages, resources.models.cache_budget)
        self._engine = LocalEngine(self._lm, resources.settings.max_new_tokens)
        self._reading = resources.settings.reading

    @abstractmethod
    def _choose(self, question: str, tracer: Tracer) -> Selection:
        """Retrieves the passages for a question, with spans for each step."""

    def stream(self, question: str) -> Iterator[Event]:
        """Retrieves passages, loads their blocks, prefills the question with each or behind all, then decodes."""
        lm, tracer = self._lm, Tracer(self._lm.synchronise)
        chosen = self._choose(question, tracer)
        count = len(chosen.rows)
        yield Working("load blocks", 0, count)
        with tracer.span("load blocks"):
            blocks, hits = self._blocks.load(chosen.rows)
        yield Working("load blocks", count, count)
        evidence = as_evidence([self._passages[row] for row in chosen.rows], chosen.scores)
        yield EvidenceChosen(evidence)
        side = None
        with tracer.span("join"):
            if self._reading == "alone" and count > 1:
                side = self._blocks.beside(chosen.rows, blocks)
                reused, pieces = side.length, self._engine.read_alone(side, question, tracer)
            else:
                session = self._blocks.join(chosen.rows, blocks)
                reused = session.length
                pieces = self._engine.continue_from(session, lm.prompt.tail(question), tracer)
        tracer.cached_tokens += reused
        tracer.bytes_touched += chosen.bytes + reused * lm.kv_bytes_per_token
        text = yield from as_events(pieces)
        facts = {"hits": hits, "resident": all(hits), "reused_tokens": reused, "prefilled_tokens": tracer.prompt_tokens}
        if side or count == 1:
            facts["answered_from"] = side.chosen + 1 if side else 1
        yield Finished(Answer(self.name, question, text, evidence, tracer.finish(), {**chosen.details, **facts}))

    def residency(self) -> ResidentStats:
        """Which blocks are in memory, and how often each was used since the method was opened."""
        return self._blocks.stats()
