"""The stores by name. To add one, write a module beside this and add an entry here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import TesseraError
from core.messages import message

if TYPE_CHECKING:
    from core.corpus.types import Passage
    from core.models.encoder import Vectors
    from core.stores.base import VectorStore


@dataclass(frozen=True)
class StoreSpec:
    """How a store is displayed, built and opened.

    Attributes:
        label: Display name.
        summary: What it does, in one sentence.
        searches: What a request must contain: "vector", "text" or both.
        create: Builds it in a folder and replaces an existing one.
        open: Opens the store in a folder; raises ArtefactStale if it is damaged.
        sweep: Search options and the values to compare in the benchmark; empty for an exact search.
        drop: Deletes the store's data outside its folder (in object storage or on a server), which a file in the folder
            points to.
        external_location: Where that data is, for display, and whether the folder owns it (a copy of the folder does
            not); None if there is no data outside the folder.
    """

    label: str
    summary: str
    searches: frozenset[str]
    create: Callable[[Path, Sequence[Passage], Vectors], VectorStore]
    open: Callable[[Path], VectorStore]
    sweep: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    drop: Callable[[Path], None] = lambda folder: None
    external_location: Callable[[Path], tuple[str, bool] | None] = lambda folder: None


def lazy(module: str, name: str) -> Callable[..., Any]:
    """A function whose module is imported on the first call, so that only the engines in use are loaded.

    Args:
        module: Full name of the module.
        name: The function in it, dotted ("Bm25.open").
    """

    def call(*arguments: object) -> object:
        return attrgetter(name)(import_module(module))(*arguments)

    return call


STORES: dict[str, StoreSpec] = {
    "faiss-flat": StoreSpec(
        "FAISS flat",
        "Compares the question's vector with every passage; exact.",
        frozenset({"vector"}),
        lazy("core.stores.faiss_index", "FaissFlat.create"),
        lazy("core.stores.faiss_index", "FaissFlat.open"),
    ),
    "faiss-ivf": StoreSpec(
        "FAISS IVF",
        "Compares only the passages in the lists around the question, in memory.",
        frozenset({"vector"}),
        lazy("core.stores.faiss_index", "FaissIvf.create"),
        lazy("core.stores.faiss_index", "FaissIvf.open"),
        {"nprobe": (1, 2, 4, 8, 16, 32)},
    ),
    "bm25": StoreSpec(
        "BM25",
        "Finds passages by the words they share with the question.",
        frozenset({"text"}),
        lazy("core.stores.bm25", "Bm25.create"),
        lazy("core.stores.bm25", "Bm25.open"),
    ),
    "lancedb-flat": StoreSpec(
        "LanceDB flat",
        "Compares every passage, from columns on disk or in object storage; exact.",
        frozenset({"vector"}),
        lazy("core.stores.lancedb_index", "LanceFlat.create"),
        lazy("core.stores.lancedb_index", "LanceFlat.open"),
        drop=lazy("core.stores.lancedb_location", "drop"),
        external_location=lazy("core.stores.lancedb_location", "external_location"),
    ),
    "lancedb-ivf-flat": StoreSpec(
        "LanceDB IVF_FLAT",
        "Reads only the lists around the question, from disk or object storage.",
        frozenset({"vector"}),
        lazy("core.stores.lancedb_index", "LanceIvfFlat.create"),
        lazy("core.stores.lancedb_index", "LanceIvfFlat.open"),
        {"nprobe": (1, 2, 4, 8, 16, 32)},
        lazy("core.stores.lancedb_location", "drop"),
        lazy("core.stores.lancedb_location", "external_location"),
    ),
    "lancedb-ivf-hnsw-sq": StoreSpec(
        "LanceDB IVF_HNSW_SQ",
        "Follows a graph over vectors of one byte a dimension, then compares the best in full.",
        frozenset({"vector"}),
        lazy("core.stores.lancedb_index", "LanceIvfHnswSq.create"),
        lazy("core.stores.lancedb_index", "LanceIvfHnswSq.open"),
        {"refine_factor": (1, 5), "ef": (20, 50, 100, 200)},
        lazy("core.stores.lancedb_location", "drop"),
        lazy("core.stores.lancedb_location", "external_location"),
    ),
    "redis-flat": StoreSpec(
        "Redis FLAT",
        "Compares every vector, on a Redis server that other programs can ask as well; exact.",
        frozenset({"vector"}),
        lazy("core.stores.redis.base", "RedisFlat.create"),
        lazy("core.stores.redis.base", "RedisFlat.open"),
        drop=lazy("core.stores.redis.base", "drop"),
        external_location=lazy("core.stores.redis.base", "external_location"),
    ),
    "redis-hnsw": StoreSpec(
        "Redis HNSW",
        "Follows a graph of neighbours, on a Redis server.",
        frozenset({"vector"}),
        lazy("core.stores.redis.base", "RedisHnsw.create"),
        lazy("core.stores.redis.base", "RedisHnsw.open"),
        {"ef_runtime": (10, 50, 200)},
        lazy("core.stores.redis.base", "drop"),
        lazy("core.stores.redis.base", "external_location"),
    ),
}


def find_store(name: str) -> StoreSpec:
    """A store by name.

    Raises:
        TesseraError: There is none of that name.
    """
    if name not in STORES:
        raise TesseraError(
            message("There is no store {name!r}.", name=name), message("Choose from: {names}.", names=", ".join(STORES))
        )
    return STORES[name]
