"""RAG + blocks: searches all passages, as standard RAG does, but reads their blocks instead of their text.

The difference to RAG is the effect of caching; the difference to CAG is the effect of the partition into cells.
"""

from __future__ import annotations

from core.methods.from_blocks import FromBlocks, Selection
from core.methods.rag import Retrieval
from core.methods.resources import Resources
from core.trace import Tracer


class RagBlocks(FromBlocks):
    """Dense retrieval, then the blocks of the passages.

    Args:
        resources: Needs the corpus, the blocks, and the index of the store in its settings.

    Raises:
        TesseraError: There is no such store.
        ArtefactMissing: One of them is missing.
        ArtefactStale: See ``FromBlocks``; or the index was built from other passages or with another encoder.
    """

    name = "rag_blocks"

    def __init__(self, resources: Resources) -> None:
        self._retrieval = Retrieval(resources)
        self._rows = resources.corpus.index()
        super().__init__(resources)

    def _choose(self, question: str, tracer: Tracer) -> Selection:
        hits = self._retrieval.find(question, tracer)
        rows = [self._rows[hit.passage_id] for hit in hits]
        details = {"store": self._retrieval.store, "top_k": len(hits)}
        return Selection(rows, [hit.score for hit in hits], self._retrieval.bytes, details)
