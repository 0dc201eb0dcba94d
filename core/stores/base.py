"""The protocol of all vector stores, and the checks and errors they share.

A store lives in one folder and is written whole by its class' ``create``, from passages of different ids, atomically
and durably: after a crash, it holds the passages from before the call or from after it. Where passages change, it is
created again.
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
from core.messages import message
from core.models.encoder import Vectors

FILTERS = ("topic", "title")
"""Fields of a passage that a search can filter by."""


@dataclass(frozen=True)
class SearchRequest:
    """A search. Each store uses vector, text or both, and raises if what it needs is missing.

    Attributes:
        vector: [dim] unit vector of the question.
        filter: Field to value, see ``FILTERS``; a hit matches all of them exactly.
        options: Options of an approximate search, such as ``{"nprobe": 8}``; a store rejects unknown options and uses
            its defaults for missing ones.

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
            raise TesseraError(message("{n} hits were asked for.", n=self.k), "Ask for at least one.")
        for name in self.filter:
            if name not in FILTERS:
                raise TesseraError(
                    message("Passages have no field {name!r} to filter by.", name=name),
                    message("Use: {names}.", names=", ".join(FILTERS)),
                )
        for name, value in self.options.items():
            if value < 1:
                raise TesseraError(
                    message("{name} is {value}, but must be at least 1.", name=name, value=value),
                    message("Give a larger {name}.", name=name),
                )


@dataclass(frozen=True)
class Hit:
    """A search result.

    Attributes:
        score: Larger is better; comparable within one store only.
    """

    passage_id: str
    score: float


@dataclass(frozen=True)
class StoreStats:
    """Size and engine of a store.

    Attributes:
        bytes: Size of its files on disk.
        backend: Engine and kind of index, with the version of its library.
    """

    documents: int
    bytes: int
    backend: str


class VectorStore(Protocol):
    """A searchable set of passages."""

    def search(self, request: SearchRequest) -> list[Hit]:
        """The best hits, best first, at most ``request.k``.

        Raises:
            TesseraError: The request lacks what this store searches by, or has the wrong dimension or options.
        """
        ...

    def stats(self) -> StoreStats:
        """Size and engine; cheap enough to call for every question."""
        ...

    def close(self) -> None:
        """Frees memory, files and connections; the store must not be used afterwards."""
        ...


@runtime_checkable
class ServerStore(Protocol):
    """A store whose passages are in the memory of a server, not of this process."""

    def server_bytes(self) -> int:
        """Memory of the passages and their index, as reported by the server."""
        ...


def check_rows(passages: Sequence[Passage], vectors: Vectors) -> Vectors:
    """Checks vectors [n, dim] and returns them as contiguous float32.

    Raises:
        TesseraError: Their number is not that of the passages, or a value is not finite.
    """
    if vectors.ndim != 2 or len(vectors) != len(passages):
        raise TesseraError(
            message("{passages} passages came with {vectors} vectors.", passages=len(passages), vectors=len(vectors)),
            "Give one vector for each.",
        )
    if not np.isfinite(vectors).all():
        raise TesseraError("A vector holds a value that is not a number.", "Embed the passages again.")
    return np.ascontiguousarray(vectors, dtype=np.float32)


def check_dim(given: int, dim: int) -> None:
    """Checks the dimension of a vector.

    Raises:
        TesseraError: It is not the dimension of the store.
    """
    if given != dim:
        raise TesseraError(
            message("A vector has {given} dimensions, but the index was built with {dim}.", given=given, dim=dim),
            "Use the encoder the index was built with, or build it again.",
        )


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Turns an OSError of the body into a TesseraError.

    Raises:
        TesseraError: The disk is full or cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise TesseraError(
            message(
                "The index in {folder} cannot be written ({error}).", folder=folder, error=error.strerror or str(error)
            ),
            "Free disk space or choose another place with TESSERA_WORKSPACES, then try again.",
        ) from error


def check_options(request: SearchRequest, known: Sequence[str], store: str) -> None:
    """Checks the options of a request.

    Raises:
        TesseraError: The store does not know one of them.
    """
    for name in request.options:
        if name not in known:
            remedy = message("Leave it out: this search has nothing to set.")
            if known:
                remedy = message("Use: {names}.", names=", ".join(known))
            raise TesseraError(message("{store} has no option {name!r}.", store=store, name=name), remedy)


def partitions_for(n: int) -> int:
    """Number of IVF lists for ``n`` vectors: sqrt(n), but at least the 39 vectors per list that FAISS recommends."""
    return max(1, min(round(math.sqrt(n)), n // 39))
