"""BM25 + LLM: find passages by the words they share with the question, then read them as standard RAG does.

The baseline without any learned retriever. Its index is made from the corpus when the arm is opened, a tenth of a
second for 2,000 passages, and so never older than the corpus.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from core.methods.base import Answer, Event, Evidence, Finished, Found, read
from core.methods.resources import Resources
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
        self._lm = resources.models.language_model(resources.reader)
        self._passages = resources.passages
        with TemporaryDirectory() as folder:  # searching needs no file once the index is made
            self._store = Bm25.create(Path(folder), resources.corpus.passages)
        self._top_k = resources.settings.top_k
        self._limit = resources.settings.max_new_tokens

    def stream(self, question: str) -> Iterator[Event]:
        """Retrieves, prefills passages and question, then decodes."""
        tracer = Tracer(self._lm.synchronise)
        with tracer.span("retrieve"):
            hits = self._store.search(SearchRequest(text=question, k=self._top_k))
        passages = [self._passages[hit.passage_id] for hit in hits]
        evidence = tuple(Evidence(p.id, p.title, p.text, hit.score) for p, hit in zip(passages, hits, strict=True))
        yield Found(evidence)
        tracer.bytes_touched += self._store.stats().bytes + sum(len(p.text.encode()) for p in passages)
        said: list[str] = []
        yield from read(self._lm, passages, question, self._limit, tracer, said)
        details = {"store": "bm25", "top_k": len(passages)}
        yield Finished(Answer(self.name, question, "".join(said).strip(), evidence, tracer.finish(), details))
