"""The stores, by name. Adding one is one file beside this and one line here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.corpus.types import Passage
from core.models.encoder import Vectors
from core.stores.base import VectorStore
from core.stores.bm25 import Bm25
from core.stores.faiss_flat import FaissFlat


@dataclass(frozen=True)
class StoreSpec:
    """How a store is shown, built and opened.

    Attributes:
        label: Its name for people.
        summary: What it does, in one sentence.
        searches: What a request must hold: "vector", "text" or both.
        create: Builds it in a folder, in place of one that may be there.
        open: Opens the one in a folder; raises ArtefactStale when it is damaged.
    """

    label: str
    summary: str
    searches: frozenset[str]
    create: Callable[[Path, Sequence[Passage], Vectors], VectorStore]
    open: Callable[[Path], VectorStore]


STORES: dict[str, StoreSpec] = {
    "faiss-flat": StoreSpec(
        "FAISS flat",
        "Compares the question's vector with every passage; exact.",
        frozenset({"vector"}),
        FaissFlat.create,
        FaissFlat.open,
    ),
    "bm25": StoreSpec(
        "BM25", "Finds passages by the words they share with the question.", frozenset({"text"}), Bm25.create, Bm25.open
    ),
}
