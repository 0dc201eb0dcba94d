"""Standard RAG takes up a change: embed one passage, put it into the store, open the store again."""

from __future__ import annotations

from core.artefacts import index_kind
from core.jobs import Progress
from core.labs.changes.change import Change
from core.labs.changes.clock import Clock
from core.labs.changes.updaters.base import UpdateContext, Updater, Updates, changed_rows, embed, write_rows
from core.manifest import Manifest, write_manifest
from core.methods.base import Method
from core.methods.rag import Rag
from core.models.embeddings import load_vectors
from core.models.encoder import Vectors
from core.stores.index import write_index
from core.stores.registry import find_store

_STAGE = "indexing the change"


class RagUpdater(Updater):
    """Adds to, or deletes from, the store that the settings name.

    Args:
        context: Its copy of the workspace. The store is made afresh in it, so that one on a server is not touched.
    """

    def __init__(self, context: UpdateContext) -> None:
        super().__init__(context)
        self._name = context.resources.settings.store
        self._spec = find_store(self._name)
        self._folder = context.ws.folder(index_kind(self._name))

    def open(self) -> Method:
        """See ``Updater.open``."""
        self._corpus, self._vectors = self._context.opening().corpus, load_vectors(self._context.ws)
        write_index(self._context.ws, self._name, self._corpus.passages, self._vectors)
        self._store = self._spec.open(self._folder)
        return Rag(self._context.opening())

    def update(self, change: Change, clock: Clock) -> Updates:
        """See ``Updater.update``."""
        with clock.stage("embed"):
            vector = embed(self._context, change)
        yield Progress(_STAGE, 1, 4, "embedded")
        with clock.stage("write"):
            vectors = changed_rows(change, self._corpus, self._vectors, vector)
            write_rows(self._context, change.made_to(self._corpus), vectors)
        yield Progress(_STAGE, 2, 4, "written")
        with clock.stage("index"):
            self._index(change, vector)
        yield Progress(_STAGE, 3, 4, "indexed")
        with clock.stage("open"):
            method = Rag(self._context.opening())
        yield Progress(_STAGE, 4, 4, "opened")
        yield method

    def close(self) -> None:
        """See ``Updater.close``."""
        self._spec.drop(self._folder)

    def _index(self, change: Change, vector: Vectors | None) -> None:
        if vector is None:
            self._store.delete([change.passage.id])
        else:
            self._store.add([change.passage], vector)
        stats = self._store.stats()
        self._store.close()
        ws = self._context.ws
        inputs = {"corpus": ws.fingerprint("corpus"), "embeddings": ws.fingerprint("embeddings")}
        inputs["encoder"] = self._context.resources.models.encoder().fingerprint
        params = {"store": self._name, "backend": stats.backend, "bytes": stats.bytes}
        write_manifest(self._folder, Manifest(index_kind(self._name), inputs, params))
