"""BM25 + LLM: retrieves passages by the words they share with the question, then reads them as standard RAG does.

The baseline without a learned retriever. Its index is built when the method is opened (a tenth of a second for 2,000
passages), so it always matches the corpus.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from core.methods.base import Answer, Event, EvidenceChosen, Finished, as_evidence, read_passages
from core.methods.resources import Resources
from core.methods.worth_reading import worth_reading
from core.stores.base import SearchRequest
from core.stores.bm25 import Bm25
from core.trace import Tracer


class Bm25Rag:
    """Keyword retrieval, then reading.

    Args:
        resources: Needs the artefact corpus.

    Raises:
        ArtefactMissing: There is no corpus.
    """

    name = "bm25"

    def __init__(self, resources: Resources) -> None:
        self._engine = resources.engine()
        self._passages = resources.passages
        with TemporaryDirectory() as folder:  # once built, the index is in memory
            self._store = Bm25.create(Path(folder), resources.corpus.passages)
        self._top_k, self._cutoff = resources.settings.top_k, resources.settings.score_cutoff
        self._reading = resources.settings.reading

    def stream(self, question: str) -> Iterator[Event]:
        """Retrieves, prefills passages and question, then decodes."""
        tracer = Tracer(self._engine.synchronise)
        with tracer.span("retrieve"):
            hits = self._store.search(SearchRequest(text=question, k=self._top_k))
            candidates = [(self._passages[hit.passage_id], hit.score) for hit in hits]
            candidates = [candidates[number] for number in worth_reading(question, candidates, self._cutoff)]
        passages = [passage for passage, _ in candidates]
        evidence = as_evidence(passages, (score for _, score in candidates))
        yield EvidenceChosen(evidence)
        tracer.bytes_touched += self._store.stats().bytes + sum(len(p.text.encode()) for p in passages)
        text, facts = yield from read_passages(self._engine, passages, question, tracer, self._reading)
        details = {"store": "bm25", "top_k": len(passages), **facts}
        yield Finished(Answer(self.name, question, text, evidence, tracer.finish(), details))
