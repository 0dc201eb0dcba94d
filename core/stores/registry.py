"""The stores, by name. Adding one is one file beside this and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.corpus.types import Passage
from core.models.encoder import Vectors
from core.stores.base import VectorStore
from core.stores.bm25 import Bm25
from core.stores.faiss_flat import FaissFlat
from core.stores.faiss_ivf import FaissIvf
from core.stores.lancedb_flat import LanceFlat
from core.stores.lancedb_ivf_flat import LanceIvfFlat
from core.stores.lancedb_ivf_hnsw_sq import LanceIvfHnswSq
from core.stores.lancedb_place import drop as drop_lancedb


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
        drop: Deletes what a store keeps outside its folder (in object storage, on a server); called before the folder
            itself goes.
    """

    label: str
    summary: str
    searches: frozenset[str]
    create: Callable[[Path, Sequence[Passage], Vectors], VectorStore]
    open: Callable[[Path], VectorStore]
    sweep: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    drop: Callable[[Path], None] = lambda folder: None


STORES: dict[str, StoreSpec] = {
    "faiss-flat": StoreSpec(
        "FAISS flat",
        "Compares the question's vector with every passage; exact.",
        frozenset({"vector"}),
        FaissFlat.create,
        FaissFlat.open,
    ),
    "faiss-ivf": StoreSpec(
        "FAISS IVF",
        "Compares only the passages in the lists around the question, in memory.",
        frozenset({"vector"}),
        FaissIvf.create,
        FaissIvf.open,
        {"nprobe": (1, 2, 4, 8, 16, 32)},
    ),
    "bm25": StoreSpec(
        "BM25", "Finds passages by the words they share with the question.", frozenset({"text"}), Bm25.create, Bm25.open
    ),
    "lancedb-flat": StoreSpec(
        "LanceDB flat",
        "Compares every passage, from columns on disk or in object storage; exact.",
        frozenset({"vector"}),
        LanceFlat.create,
        LanceFlat.open,
        drop=drop_lancedb,
    ),
    "lancedb-ivf-flat": StoreSpec(
        "LanceDB IVF_FLAT",
        "Reads only the lists around the question, from disk or object storage.",
        frozenset({"vector"}),
        LanceIvfFlat.create,
        LanceIvfFlat.open,
        {"nprobe": (1, 2, 4, 8, 16, 32)},
        drop_lancedb,
    ),
    "lancedb-ivf-hnsw-sq": StoreSpec(
        "LanceDB IVF_HNSW_SQ",
        "Follows a graph over vectors of one byte a dimension, then compares the best in full.",
        frozenset({"vector"}),
        LanceIvfHnswSq.create,
        LanceIvfHnswSq.open,
        {"refine_factor": (1, 2, 5), "ef": (20, 50, 100, 200)},
        drop_lancedb,
    ),
}
