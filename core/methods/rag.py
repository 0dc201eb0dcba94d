"""Standard RAG: embed the question, search a vector store, put the text of the best passages in the prompt."""

from __future__ import annotations

from collections.abc import Iterator

from core.methods.base import Answer, Event, Evidence, Finished, Found, decode, prefill
from core.methods.resources import Resources
from core.stores.base import SearchRequest
from core.stores.registry import find_store
from core.trace import Tracer
from core.workspace import index_kind


class Rag:
    """Dense retrieval, then reading.

    Args:
        resources: Needs the corpus, and the index of the store that its settings name.

    Raises:
        TesseraError: There is no such store.
        ArtefactMissing: One of them is not there.
        ArtefactStale: The index was built from other passages or with another encoder.
    """

    name = "rag"

    def __init__(self, resources: Resources) -> None:
        self._encoder = resources.models.encoder()
        self._lm = resources.models.language_model(resources.reader)
        self._passages = resources.passages
        self._store_name = resources.settings.store
        spec = find_store(self._store_name)
        self._searches = spec.searches
        folder = resources.workspace.require(index_kind(self._store_name), {"encoder": self._encoder.fingerprint})
        self._store = spec.open(folder)
        self._top_k = resources.settings.top_k
        self._limit = resources.settings.max_new_tokens

    def stream(self, question: str) -> Iterator[Event]:
        """Encodes, retrieves, prefills passages and question, then decodes."""
        tracer = Tracer(self._lm.synchronise)
        vector, text = None, question if "text" in self._searches else None
        if "vector" in self._searches:
            with tracer.span("encode"):
                vector = self._encoder.encode_query(question)
        with tracer.span("retrieve"):
            hits = self._store.search(SearchRequest(vector=vector, text=text, k=self._top_k))
        passages = [self._passages[hit.passage_id] for hit in hits]
        evidence = tuple(Evidence(p.id, p.title, p.text, hit.score) for p, hit in zip(passages, hits, strict=True))
        yield Found(evidence)
        tracer.bytes_touched += self._store.stats().bytes + sum(len(p.text.encode()) for p in passages)
        session = self._lm.session()
        said: list[str] = []
        yield from prefill(session, self._lm.prompt.context(passages) + self._lm.prompt.tail(question), tracer)
        yield from decode(self._lm, session, self._limit, tracer, said)
        details = {"store": self._store_name, "top_k": len(passages)}
        yield Finished(Answer(self.name, question, "".join(said).strip(), evidence, tracer.finish(), details))
