"""Standard RAG: embeds the question, searches a vector store, puts the text of the best passages in the prompt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from core.artefacts import index_kind
from core.methods.base import Answer, Event, EvidenceChosen, Finished, as_evidence, read_passages
from core.methods.resources import Resources
from core.methods.worth_reading import worth_reading
from core.models.presets import unrelated_cosine
from core.stores.base import Hit, SearchRequest
from core.stores.registry import find_store
from core.trace import Tracer


class Retrieval:
    """Retrieval from the store of the settings, also used by RAG + blocks.

    Args:
        resources: Needs the index of that store.
    """

    def __init__(self, resources: Resources) -> None:
        self._encoder, self._passages = resources.models.encoder(), resources.passages
        self.store = resources.settings.store
        spec = find_store(self.store)
        self._searches = spec.searches
        inputs = {"encoder": self._encoder.fingerprint}
        self._index = resources.workspace.read(index_kind(self.store), spec.open, inputs)
        self._top_k, self._cutoff = resources.settings.top_k, resources.settings.score_cutoff
        self._unrelated = unrelated_cosine(resources.settings.encoder) if "vector" in self._searches else 0.0

    @property
    def bytes(self) -> int:
        """Bytes of the index."""
        return self._index.stats().bytes

    def find(self, question: str, tracer: Tracer) -> Sequence[Hit]:
        """Encodes the question and searches, with a span for each, and keeps the hits that are worth reading."""
        vector, text = None, question if "text" in self._searches else None
        if "vector" in self._searches:
            with tracer.span("encode"):
                vector = self._encoder.encode_query(question)
        with tracer.span("retrieve"):
            hits = self._index.search(SearchRequest(vector=vector, text=text, k=self._top_k))
            candidates = [(self._passages[hit.passage_id], hit.score) for hit in hits]
            return [hits[number] for number in worth_reading(question, candidates, self._cutoff, self._unrelated)]


class Rag:
    """Dense retrieval, then reading.

    Args:
        resources: Needs the corpus and the index of the store in its settings.

    Raises:
        TesseraError: There is no such store.
        ArtefactMissing: One of them is missing.
        ArtefactStale: The index was built from other passages or with another encoder.
    """

    name = "rag"

    def __init__(self, resources: Resources) -> None:
        self._engine = resources.engine()
        self._passages = resources.passages
        self._retrieval = Retrieval(resources)
        self._reading = resources.settings.reading

    def stream(self, question: str) -> Iterator[Event]:
        """Encodes, retrieves, prefills passages and question, then decodes."""
        tracer = Tracer(self._engine.synchronise)
        hits = self._retrieval.find(question, tracer)
        passages = [self._passages[hit.passage_id] for hit in hits]
        evidence = as_evidence(passages, (hit.score for hit in hits))
        yield EvidenceChosen(evidence)
        tracer.bytes_touched += self._retrieval.bytes + sum(len(p.text.encode()) for p in passages)
        text, facts = yield from read_passages(self._engine, passages, question, tracer, self._reading)
        details = {"store": self._retrieval.store, "top_k": len(passages), **facts}
        yield Finished(Answer(self.name, question, text, evidence, tracer.finish(), details))
