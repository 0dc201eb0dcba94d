"""Standard RAG takes up a change: embed one passage, write the store, open it again."""

from __future__ import annotations

from core.artefacts import index_kind
from core.jobs import Progress
from core.labs.changes.change import Change
from core.labs.changes.clock import Clock
from core.labs.changes.updaters.base import UpdateContext, Updater, Updates, changed_rows, embed, write_rows
from core.methods.base import Method
from core.methods.rag import Rag
from core.models.embeddings import load_vectors
from core.stores.index import write_index
from core.stores.registry import find_store

_STAGE = "indexing the change"


class RagUpdater(Updater):
    """Writes the store that the settings name afresh, as Documents does.

    Args:
        context: Its copy of the workspace. The store is made afresh in it, so that one on a server is not touched.
    """

    def __init__(self, context: UpdateContext) -> None:
        super().__init__(context)
        self._store = context.resources.settings.store

    def open(self) -> Method:
        """See ``Updater.open``."""
        self._corpus, self._vectors = self._context.opening().corpus, load_vectors(self._context.ws)
        write_index(self._context.ws, self._store, self._corpus.passages, self._vectors)
        return Rag(self._context.opening())

    def update(self, change: Change, clock: Clock) -> Updates:
        """See ``Updater.update``."""
        with clock.stage("embed"):
            vector = embed(self._context, change)
        yield Progress(_STAGE, 1, 4, "embedded")
        with clock.stage("write"):
            corpus, vectors = change.made_to(self._corpus), changed_rows(change, self._corpus, self._vectors, vector)
            write_rows(self._context, corpus, vectors)
        yield Progress(_STAGE, 2, 4, "written")
        with clock.stage("index"):
            write_index(self._context.ws, self._store, corpus.passages, vectors)
        yield Progress(_STAGE, 3, 4, "indexed")
        with clock.stage("open"):
            method = Rag(self._context.opening())
        yield Progress(_STAGE, 4, 4, "opened")
        yield method

    def close(self) -> None:
        """See ``Updater.close``."""
        find_store(self._store).drop(self._context.ws.folder(index_kind(self._store)))
