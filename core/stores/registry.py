"""The stores by name. To add one, write a module beside this and add an entry here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from core.errors import require_known

if TYPE_CHECKING:
    from core.corpus.types import Passage
    from core.models.encoder import Vectors
    from core.stores.base import VectorStore


@dataclass(frozen=True)
class StoreSpec:
    """How a store is displayed, built and opened.

    Attributes:
        summary: What it does, in one sentence.
        searches: What a request must contain: "vector", "text" or both.
        kind: Its class as "module:Class", imported on the first use, so that only the engines in use are loaded.
        sweep: Search options and the values to compare in the benchmark; empty for an exact search.
        outside: The module that knows the store's data outside its folder (in object storage or on a server), to which
            a file in the folder points; empty if there is none.
    """

    label: str
    summary: str
    searches: frozenset[str]
    kind: str
    sweep: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    outside: str = ""

    def create(self, folder: Path, passages: Sequence[Passage], vectors: Vectors) -> VectorStore:
        """Builds it in a folder and replaces an existing one."""
        store: VectorStore = resolve_name(self.kind).create(folder, passages, vectors)
        return store

    def open(self, folder: Path) -> VectorStore:
        """Opens the store in a folder.

        Raises:
            ArtefactStale: It is damaged.
        """
        store: VectorStore = resolve_name(self.kind).open(folder)
        return store

    def drop(self, folder: Path) -> None:
        """Deletes the data outside the folder."""
        if self.outside:
            resolve_name(f"{self.outside}:drop")(folder)

    def external_location(self, folder: Path) -> tuple[str, bool] | None:
        """Where the data outside the folder is, for display, and whether the folder owns it (a copy does not)."""
        location: tuple[str, bool] | None = (
            resolve_name(f"{self.outside}:external_location")(folder) if self.outside else None
        )
        return location


_VECTOR = frozenset({"vector"})
_LANCE, _REDIS = "core.stores.lancedb_location", "core.stores.redis.base"

STORES: dict[str, StoreSpec] = {
    "faiss-flat": StoreSpec(
        "FAISS flat",
        "Compares the question's vector with every passage; exact.",
        _VECTOR,
        "core.stores.faiss_index:FaissFlat",
    ),
    "faiss-ivf": StoreSpec(
        "FAISS IVF",
        "Compares only the passages in the lists around the question, in memory.",
        _VECTOR,
        "core.stores.faiss_index:FaissIvf",
        {"nprobe": (1, 2, 4, 8, 16, 32)},
    ),
    "bm25": StoreSpec(
        "BM25",
        "Finds passages by the words they share with the question.",
        frozenset({"text"}),
        "core.stores.bm25:Bm25",
    ),
    "lancedb-flat": StoreSpec(
        "LanceDB flat",
        "Compares every passage, from columns on disk or in object storage; exact.",
        _VECTOR,
        "core.stores.lancedb_index:LanceFlat",
        outside=_LANCE,
    ),
    "lancedb-ivf-flat": StoreSpec(
        "LanceDB IVF_FLAT",
        "Reads only the lists around the question, from disk or object storage.",
        _VECTOR,
        "core.stores.lancedb_index:LanceIvfFlat",
        {"nprobe": (1, 2, 4, 8, 16, 32)},
        _LANCE,
    ),
    "lancedb-ivf-hnsw-sq": StoreSpec(
        "LanceDB IVF_HNSW_SQ",
        "Follows a graph over vectors of one byte a dimension, then compares the best in full.",
        _VECTOR,
        "core.stores.lancedb_index:LanceIvfHnswSq",
        {"refine_factor": (1, 5), "ef": (20, 50, 100, 200)},
        _LANCE,
    ),
    "redis-flat": StoreSpec(
        "Redis FLAT",
        "Compares every vector, on a Redis server that other programs can ask as well; exact.",
        _VECTOR,
        f"{_REDIS}:RedisFlat",
        outside=_REDIS,
    ),
    "redis-hnsw": StoreSpec(
        "Redis HNSW",
        "Follows a graph of neighbours, on a Redis server.",
        _VECTOR,
        f"{_REDIS}:RedisHnsw",
        {"ef_runtime": (10, 50, 200)},
        _REDIS,
    ),
}


def find_store(name: str) -> StoreSpec:
    """A store by name.

    Raises:
        TesseraError: There is no store of that name.
    """
    require_known("There is no store {name!r}.", name, STORES)
    return STORES[name]
