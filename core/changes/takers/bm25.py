"""BM25 + LLM takes up a change: the index of all words is made again, a tenth of a second for 2,000 passages."""

from __future__ import annotations

from core.changes.change import Change
from core.changes.clock import Clock
from core.changes.takers.base import Place, Taking
from core.jobs import Progress
from core.methods.base import Method
from core.methods.bm25 import Bm25Rag
from core.pipeline import write_corpus


class Bm25Taker:
    """Writes the corpus and indexes its words.

    Args:
        place: Its copy of the workspace.
    """

    def __init__(self, place: Place) -> None:
        self._place = place

    def open(self) -> Method:
        """See ``Taker.open``."""
        return Bm25Rag(self._place.resources())

    def take(self, change: Change, clock: Clock) -> Taking:
        """See ``Taker.take``."""
        corpus = self._place.resources().corpus
        with clock.stage("write"):
            write_corpus(self._place.ws, change.made_to(corpus))
        yield Progress("indexing the change", 1, 2, "written")
        with clock.stage("index"):
            method = Bm25Rag(self._place.resources())
        yield Progress("indexing the change", 2, 2, "indexed")
        yield method

    def close(self) -> None:
        """Nothing lies outside its folder."""
