"""Standard RAG takes up a change: embed one passage, put it into the store, open the store again."""

from __future__ import annotations

from core.changes.change import Change
from core.changes.clock import Clock
from core.changes.takers.base import Place, Taking, changed_rows, embed, write_rows
from core.jobs import Progress
from core.methods.base import Method
from core.methods.rag import Rag
from core.models.encoder import Vectors
from core.pipeline import load_vectors, write_index
from core.stores.registry import find_store
from core.workspace import Manifest, index_kind, write_manifest

_STAGE = "indexing the change"


class RagTaker:
    """Adds to, or deletes from, the store that the settings name.

    Args:
        place: Its copy of the workspace. The store is made afresh in it, so that one on a server is not touched.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._name = place.models.settings.store
        self._spec = find_store(self._name)
        self._folder = place.ws.folder(index_kind(self._name))

    def open(self) -> Method:
        """See ``Taker.open``."""
        self._corpus, self._vectors = self._place.resources().corpus, load_vectors(self._place.ws)
        write_index(self._place.ws, self._name, self._corpus.passages, self._vectors)
        self._store = self._spec.open(self._folder)
        return Rag(self._place.resources())

    def take(self, change: Change, clock: Clock) -> Taking:
        """See ``Taker.take``."""
        with clock.stage("embed"):
            vector = embed(self._place, change)
        yield Progress(_STAGE, 1, 4, "embedded")
        with clock.stage("write"):
            vectors = changed_rows(change, self._corpus, self._vectors, vector)
            write_rows(self._place, change.made_to(self._corpus), vectors)
        yield Progress(_STAGE, 2, 4, "written")
        with clock.stage("index"):
            self._index(change, vector)
        yield Progress(_STAGE, 3, 4, "indexed")
        with clock.stage("open"):
            method = Rag(self._place.resources())
        yield Progress(_STAGE, 4, 4, "opened")
        yield method

    def close(self) -> None:
        """See ``Taker.close``."""
        self._spec.drop(self._folder)

    def _index(self, change: Change, vector: Vectors | None) -> None:
        if vector is None:
            self._store.delete([change.passage.id])
        else:
            self._store.add([change.passage], vector)
        stats = self._store.stats()
        self._store.close()
        ws = self._place.ws
        inputs = {"corpus": ws.fingerprint("corpus"), "embeddings": ws.fingerprint("embeddings")}
        inputs["encoder"] = self._place.models.encoder().fingerprint
        params = {"store": self._name, "backend": stats.backend, "bytes": stats.bytes}
        write_manifest(self._folder, Manifest(index_kind(self._name), inputs, params))
