"""What every vector store can do, and the errors they share.

A store lives in one folder. ``add``, ``delete`` and ``create`` are on disk when they return, all or nothing: who opens
the folder after a crash finds the passages before the call or after it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from core.corpus.types import Passage
from core.errors import TesseraError
from core.models.encoder import Vectors

FILTERS = ("topic", "title")
"""Fields of a passage that a search can be narrowed by."""


@dataclass(frozen=True)
class SearchRequest:
    """What to look for. A store uses what it understands of vector and text, and refuses when that is missing.

    Attributes:
        k: Most hits wanted.
        vector: [dim] unit vector of the question.
        text: The question itself.
        filter: Field to value, see ``FILTERS``; a hit matches all of them exactly.
        options: How hard an approximate search tries this time, such as ``{"nprobe": 8}``; a store refuses what it
            does not know, and takes its own default for what is not given.

    Raises:
        TesseraError: k is below 1, a filter names an unknown field, or an option is below 1.
    """

    k: int
    vector: Vectors | None = None
    text: str | None = None
    filter: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.k < 1:
            raise TesseraError(f"{self.k} hits were asked for.", "Ask for at least one.")
        for name in self.filter:
            if name not in FILTERS:
                raise TesseraError(f"Passages have no field {name!r} to filter by.", f"Use: {', '.join(FILTERS)}.")
        for name, value in self.options.items():
            if value < 1:
                raise TesseraError(f"{name} is {value}, but must be at least 1.", f"Give a larger {name}.")


@dataclass(frozen=True)
class Hit:
    """A passage that was found.

    Attributes:
        passage_id: Which.
        score: Larger is better; comparable within one store only.
    """

    passage_id: str
    score: float


@dataclass(frozen=True)
class StoreStats:
    """What a store holds.

    Attributes:
        documents: Passages in it.
        bytes: Size of its files on disk.
        backend: Engine and kind of index, with the version of its library.
    """

    documents: int
    bytes: int
    backend: str


class VectorStore(Protocol):
    """A searchable set of passages."""

    def add(self, passages: Sequence[Passage], vectors: Vectors) -> None:
        """Adds passages; one whose id is there already replaces the old one.

        Args:
            passages: What to add.
            vectors: [n, dim] their unit vectors, row by row.

        Raises:
            TesseraError: The vectors do not fit the passages or the store.
        """
        ...

    def delete(self, passage_ids: Sequence[str]) -> int:
        """Removes passages; returns how many of them were there."""
        ...

    def search(self, request: SearchRequest) -> list[Hit]:
        """The best hits, best first, at most ``request.k``.

        Raises:
            TesseraError: The request lacks what this store searches by, or does not fit it.
        """
        ...

    def stats(self) -> StoreStats:
        """What it holds; cheap enough to ask for with every question."""
        ...

    def close(self) -> None:
        """Lets go of memory, files and connections; the store is not used afterwards."""
        ...


@runtime_checkable
class OnServer(Protocol):
    """A store whose passages are in the memory of a server, not of this process."""

    def server_bytes(self) -> int:
        """Bytes that they and their index take there, by the server's own account."""
        ...


def check_rows(passages: Sequence[Passage], vectors: Vectors, dim: int | None) -> Vectors:
    """Vectors as contiguous float32, after checking that they fit.

    Args:
        passages: The passages they stand for.
        vectors: [n, dim].
        dim: Dimension of the store; None while it is empty.

    Raises:
        TesseraError: Number or dimension differ, or a value is not finite.
    """
    if vectors.ndim != 2 or len(vectors) != len(passages):
        raise TesseraError(f"{len(passages)} passages came with {len(vectors)} vectors.", "Give one vector for each.")
    check_dim(vectors.shape[1], dim)
    if not np.isfinite(vectors).all():
        raise TesseraError("A vector holds a value that is not a number.", "Embed the passages again.")
    return np.ascontiguousarray(vectors, dtype=np.float32)


def check_dim(given: int, dim: int | None) -> None:
    """Refuses vectors of another dimension.

    Raises:
        TesseraError: They differ.
    """
    if dim is not None and given != dim:
        raise TesseraError(
            f"A vector has {given} dimensions, but the index was built with {dim}.",
            "Use the encoder the index was built with, or build it again.",
        )


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Turns a disk that is full or cannot be written into a sentence.

    Raises:
        TesseraError: The body could not write.
    """
    try:
        yield
    except OSError as error:
        raise TesseraError(
            f"The index in {folder} cannot be written ({error.strerror or error}).",
            "Free disk space or choose another place with TESSERA_WORKSPACES, then try again.",
        ) from error


def check_options(request: SearchRequest, known: Sequence[str], store: str) -> None:
    """Refuses options that a store does not have.

    Raises:
        TesseraError: There is one.
    """
    for name in request.options:
        if name not in known:
            has = f"Use: {', '.join(known)}." if known else "Leave it out: this search has nothing to set."
            raise TesseraError(f"{store} has no option {name!r}.", has)


def partitions_for(n: int) -> int:
    """Lists of an inverted file over ``n`` vectors: sqrt(n), with at least the 39 vectors to each that FAISS wants."""
    return max(1, min(round(math.sqrt(n)), n // 39))


def last_of_each(passages: Sequence[Passage]) -> list[int]:
    """Rows to keep when an id comes more than once: its last one, in order of first appearance."""
    rows: dict[str, int] = {}
    for row, passage in enumerate(passages):
        rows[passage.id] = row
    return list(rows.values())
