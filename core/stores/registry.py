"""The stores, by name. Adding one is one file beside this and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import TesseraError

if TYPE_CHECKING:
    from core.corpus.types import Passage
    from core.models.encoder import Vectors
    from core.stores.base import VectorStore


@dataclass(frozen=True)
class StoreSpec:
    """How a store is shown, built and opened.

    Attributes:
        label: Its name for people.
        summary: What it does, in one sentence.
        searches: What a request must hold: "vector", "text" or both.
        create: Builds it in a folder, in place of one that may be there.
        open: Opens the one in a folder; raises ArtefactStale when it is damaged.
        sweep: Search options and the values worth comparing, for the bench; empty for an exact search.
        drop: Deletes what a store keeps outside its folder (in object storage, on a server), and nothing in it;
            a file in the folder says where that is, and without one there is nothing to delete.
    """

    label: str
    summary: str
    searches: frozenset[str]
    create: Callable[[Path, Sequence[Passage], Vectors], VectorStore]
    open: Callable[[Path], VectorStore]
    sweep: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    drop: Callable[[Path], None] = lambda folder: None


def later(module: str, name: str) -> Callable[..., Any]:
    """A function of a module that is imported when it is first called: an engine is loaded by those who search it.

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
        later("core.stores.faiss_flat", "FaissFlat.create"),
        later("core.stores.faiss_flat", "FaissFlat.open"),
    ),
    "faiss-ivf": StoreSpec(
        "FAISS IVF",
        "Compares only the passages in the lists around the question, in memory.",
        frozenset({"vector"}),
        later("core.stores.faiss_ivf", "FaissIvf.create"),
        later("core.stores.faiss_ivf", "FaissIvf.open"),
        {"nprobe": (1, 2, 4, 8, 16, 32)},
    ),
    "bm25": StoreSpec(
        "BM25",
        "Finds passages by the words they share with the question.",
        frozenset({"text"}),
        later("core.stores.bm25", "Bm25.create"),
        later("core.stores.bm25", "Bm25.open"),
    ),
    "lancedb-flat": StoreSpec(
        "LanceDB flat",
        "Compares every passage, from columns on disk or in object storage; exact.",
        frozenset({"vector"}),
        later("core.stores.lancedb_flat", "LanceFlat.create"),
        later("core.stores.lancedb_flat", "LanceFlat.open"),
        drop=later("core.stores.lancedb_place", "drop"),
    ),
    "lancedb-ivf-flat": StoreSpec(
        "LanceDB IVF_FLAT",
        "Reads only the lists around the question, from disk or object storage.",
        frozenset({"vector"}),
        later("core.stores.lancedb_ivf_flat", "LanceIvfFlat.create"),
        later("core.stores.lancedb_ivf_flat", "LanceIvfFlat.open"),
        {"nprobe": (1, 2, 4, 8, 16, 32)},
        later("core.stores.lancedb_place", "drop"),
    ),
    "lancedb-ivf-hnsw-sq": StoreSpec(
        "LanceDB IVF_HNSW_SQ",
        "Follows a graph over vectors of one byte a dimension, then compares the best in full.",
        frozenset({"vector"}),
        later("core.stores.lancedb_ivf_hnsw_sq", "LanceIvfHnswSq.create"),
        later("core.stores.lancedb_ivf_hnsw_sq", "LanceIvfHnswSq.open"),
        {"refine_factor": (1, 5), "ef": (20, 50, 100, 200)},
        later("core.stores.lancedb_place", "drop"),
    ),
    "redis-flat": StoreSpec(
        "Redis FLAT",
        "Compares every vector, on a Redis server that other programs can ask as well; exact.",
        frozenset({"vector"}),
        later("core.stores.redis_flat", "RedisFlat.create"),
        later("core.stores.redis_flat", "RedisFlat.open"),
        drop=later("core.stores.redis_base", "drop"),
    ),
    "redis-hnsw": StoreSpec(
        "Redis HNSW",
        "Follows a graph of neighbours, on a Redis server.",
        frozenset({"vector"}),
        later("core.stores.redis_hnsw", "RedisHnsw.create"),
        later("core.stores.redis_hnsw", "RedisHnsw.open"),
        {"ef_runtime": (10, 50, 200)},
        later("core.stores.redis_base", "drop"),
    ),
}


def find_store(name: str) -> StoreSpec:
    """A store by name.

    Raises:
        TesseraError: There is none of that name.
    """
    if name not in STORES:
        raise TesseraError(f"There is no store {name!r}.", f"Choose from: {', '.join(STORES)}.")
    return STORES[name]
