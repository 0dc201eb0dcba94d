"""BM25 + LLM takes up a change: the index of all words is made again, a tenth of a second for 2,000 passages."""

from __future__ import annotations

from core.corpus.store import write_corpus
from core.jobs import Progress
from core.labs.changes.change import Change
from core.labs.changes.clock import Clock
from core.labs.changes.updaters.base import Updater, Updates
from core.methods.base import Method
from core.methods.bm25 import Bm25Rag


class Bm25Updater(Updater):
    """Writes the corpus and indexes its words."""

    def open(self) -> Method:
        """See ``Updater.open``."""
        return Bm25Rag(self._context.opening())

    def update(self, change: Change, clock: Clock) -> Updates:
        """See ``Updater.update``."""
        corpus = self._context.opening().corpus
        with clock.stage("write"):
            write_corpus(self._context.ws, change.made_to(corpus))
        yield Progress("indexing the change", 1, 2, "written")
        with clock.stage("index"):
            method = Bm25Rag(self._context.opening())
        yield Progress("indexing the change", 2, 2, "indexed")
        yield method
