"""What the FAISS stores share: one safetensors file of vectors, ids and filter fields, replaced in one step.

The index is made from the file when the store is opened, so index and passages cannot disagree. In memory the vectors
are held once, by FAISS; a change, which is rare, reads them back from the file.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import faiss
import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from typing_extensions import Self

from core.corpus.types import Passage
from core.errors import ArtefactStale, TesseraError
from core.models.encoder import Vectors
from core.stores.base import (
    FILTERS,
    Hit,
    SearchRequest,
    StoreStats,
    check_dim,
    check_options,
    check_rows,
    last_of_each,
    writing_to,
)
from core.workspace import write_atomically

Tensors = Mapping[str, Vectors]
"""What an index learned from the vectors, by name; empty for a flat one."""


@dataclass(frozen=True)
class _State:
    """What the store holds at one moment; replaced as a whole, so that a search needs no lock.

    Attributes:
        fields: Id, then the filter fields, of each passage.
        index: The vectors, as FAISS searches them; None while the store is empty.
        bytes: Size of the file.
    """

    fields: list[tuple[str, ...]]
    index: faiss.Index | None
    bytes: int

    @property
    def dim(self) -> int | None:
        return None if self.index is None else int(self.index.d)

    def rows_without(self, ids: set[str]) -> list[int]:
        return [row for row, fields in enumerate(self.fields) if fields[0] not in ids]

    def matching(self, request: SearchRequest) -> npt.NDArray[np.int64]:
        wanted = [(1 + FILTERS.index(name), value) for name, value in request.filter.items()]
        rows = [row for row, fields in enumerate(self.fields) if all(fields[at] == value for at, value in wanted)]
        return np.array(rows, dtype=np.int64)


_EMPTY = _State([], None, 0)


class FaissRows:
    """Passages by the inner product of unit vectors; a variant says which index holds them.

    Args:
        folder: Where its file lives.
        state: What it holds.
    """

    store: ClassVar[str]
    """Name in the registry."""
    kind: ClassVar[str]
    """Kind of index, for people."""
    file: ClassVar[str]
    """Name of its file."""
    options: ClassVar[tuple[str, ...]] = ()
    """Search options it knows."""

    def __init__(self, folder: Path, state: _State = _EMPTY) -> None:
        self._folder = folder
        self._state = state
        self._writing = threading.Lock()

    @classmethod
    def learn(cls, vectors: Vectors, known: Tensors) -> Tensors:
        """What the index needs to know of the vectors [n, dim], beginning from what it ``known`` before."""
        return {}

    @classmethod
    def index(cls, vectors: Vectors, learned: Tensors) -> faiss.Index:
        """The index over vectors [n, dim], n > 0."""
        raise NotImplementedError

    def parameters(self, request: SearchRequest, **selected: Any) -> Any:
        """Search parameters of FAISS for a request; ``selected`` narrows it to some rows. None takes the defaults."""
        kind: Any = faiss.SearchParameters  # its type stub does not know the keyword
        return kind(**selected) if selected else None

    @classmethod
    def create(cls, folder: Path, passages: Sequence[Passage], vectors: Vectors) -> Self:
        """Builds a store in ``folder``, in place of one that may be there.

        Raises:
            TesseraError: Passages and vectors do not match, or the folder cannot be written.
        """
        with writing_to(folder):
            folder.mkdir(parents=True, exist_ok=True)
        store = cls(folder)
        store.add(passages, vectors)
        return store

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Opens the store in ``folder``.

        Raises:
            ArtefactStale: There is none, or it is damaged.
        """
        try:
            vectors, learned, fields = _read(folder / cls.file)
            index = cls.index(vectors, learned) if len(vectors) else None
            return cls(folder, _State(fields, index, (folder / cls.file).stat().st_size))
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise ArtefactStale(
                f"The FAISS index in {folder} cannot be read ({error}).",
                f"Build it again: `python -m app index --store {cls.store} --force`.",
            ) from error

    def add(self, passages: Sequence[Passage], vectors: Vectors) -> None:
        """See ``VectorStore.add``."""
        with self._writing:
            state = self._state
            vectors = check_rows(passages, vectors, state.dim)
            last = last_of_each(passages)
            fresh = [(p.id, *(getattr(p, name) for name in FILTERS)) for p in (passages[row] for row in last)]
            kept = state.rows_without({passage.id for passage in passages})
            old, known = self._held(vectors[:0])
            self._replace(
                np.concatenate([old[kept], vectors[last]]), [state.fields[row] for row in kept] + fresh, known
            )

    def delete(self, passage_ids: Sequence[str]) -> int:
        """See ``VectorStore.delete``."""
        with self._writing:
            state = self._state
            kept = state.rows_without(set(passage_ids))
            removed = len(state.fields) - len(kept)
            if removed:
                old, known = self._held(np.zeros((0, 0), np.float32))
                self._replace(old[kept], [state.fields[row] for row in kept], known)
            return removed

    def search(self, request: SearchRequest) -> list[Hit]:
        """See ``VectorStore.search``; searches by ``request.vector``."""
        if request.vector is None:
            raise TesseraError("FAISS searches by vector, and none was given.", "Encode the question first.")
        check_options(request, self.options, self.store)
        state = self._state
        if state.index is None:
            return []
        check_dim(len(request.vector), state.dim)
        query = np.ascontiguousarray(request.vector[None], dtype=np.float32)
        selected = {"sel": faiss.IDSelectorBatch(state.matching(request))} if request.filter else {}
        parameters = self.parameters(request, **selected)
        scores, rows = state.index.search(query, min(request.k, len(state.fields)), params=parameters)
        found = zip(rows[0].tolist(), scores[0].tolist(), strict=True)
        return [Hit(state.fields[row][0], score) for row, score in found if row >= 0]

    def stats(self) -> StoreStats:
        """See ``VectorStore.stats``."""
        state = self._state
        return StoreStats(len(state.fields), state.bytes, f"FAISS {faiss.__version__} {self.kind}")

    def close(self) -> None:
        """See ``VectorStore.close``."""
        self._state = _EMPTY

    def _held(self, none: Vectors) -> tuple[Vectors, Tensors]:
        """Vectors and what was learned of them, from the file; ``none`` while the store is empty."""
        if self._state.index is None:
            return none, {}
        vectors, learned, _ = _read(self._folder / self.file)
        return vectors, learned

    def _replace(self, vectors: Vectors, fields: list[tuple[str, ...]], known: Tensors) -> None:
        learned = self.learn(vectors, known) if len(vectors) else {}
        metadata = {"fields": json.dumps(fields, ensure_ascii=False)}
        content = save({**learned, "vectors": vectors}, metadata=metadata)
        with writing_to(self._folder):
            write_atomically(self._folder / self.file, content)
        self._state = _State(fields, self.index(vectors, learned) if len(vectors) else None, len(content))


def _read(path: Path) -> tuple[Vectors, Tensors, list[tuple[str, ...]]]:
    with safe_open(path, "numpy") as file:
        fields = [tuple(row) for row in json.loads((file.metadata() or {})["fields"])]
        tensors = {name: np.array(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118, it is no mapping
    return tensors.pop("vectors"), tensors, fields
