"""FAISS, flat: the exact search by inner product. Nothing to tune, and hard to beat below 100,000 passages.

A flat index is its vectors, so one safetensors file with vectors, ids and filter fields is the whole store: it is
replaced in one step, and cannot disagree with itself.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from core.corpus.types import Passage
from core.errors import ArtefactStale, TesseraError
from core.models.encoder import Vectors
from core.stores.base import FILTERS, Hit, SearchRequest, StoreStats, check_dim, check_rows, last_of_each
from core.workspace import write_atomically

FILE = "flat.safetensors"


@dataclass(frozen=True)
class _State:
    """What the store holds at one moment; replaced as a whole, so that a search needs no lock.

    Attributes:
        vectors: [n, dim]; None while the store is empty.
        fields: Id, then the filter fields, of each passage.
        index: The vectors, as FAISS searches them.
        bytes: Size of the file.
    """

    vectors: Vectors | None
    fields: list[tuple[str, ...]]
    index: faiss.IndexFlatIP | None
    bytes: int

    @classmethod
    def of(cls, vectors: Vectors, fields: list[tuple[str, ...]], size: int) -> _State:
        if not len(vectors):
            return cls(None, [], None, size)
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(vectors)
        return cls(vectors, fields, index, size)

    @property
    def dim(self) -> int | None:
        return None if self.vectors is None else int(self.vectors.shape[1])

    def rows_without(self, ids: set[str]) -> list[int]:
        return [row for row, fields in enumerate(self.fields) if fields[0] not in ids]

    def matching(self, request: SearchRequest) -> npt.NDArray[np.int64]:
        wanted = [(1 + FILTERS.index(name), value) for name, value in request.filter.items()]
        rows = [row for row, fields in enumerate(self.fields) if all(fields[at] == value for at, value in wanted)]
        return np.array(rows, dtype=np.int64)


_EMPTY = _State(None, [], None, 0)


class FaissFlat:
    """Exact nearest passages by cosine similarity.

    Args:
        folder: Where its file lives.
        state: What it holds.
    """

    def __init__(self, folder: Path, state: _State = _EMPTY) -> None:
        self._folder = folder
        self._state = state
        self._writing = threading.Lock()

    @classmethod
    def create(cls, folder: Path, passages: Sequence[Passage], vectors: Vectors) -> FaissFlat:
        """Builds a store in ``folder``, in place of one that may be there.

        Raises:
            TesseraError: Vectors and passages do not match.
        """
        folder.mkdir(parents=True, exist_ok=True)
        store = cls(folder)
        store.add(passages, vectors)
        return store

    @classmethod
    def open(cls, folder: Path) -> FaissFlat:
        """Opens the store in ``folder``.

        Raises:
            ArtefactStale: There is none, or it is damaged.
        """
        path = folder / FILE
        try:
            with safe_open(path, "numpy") as file:
                fields = [tuple(row) for row in json.loads((file.metadata() or {})["fields"])]
                vectors = np.array(file.get_tensor("vectors"))
            return cls(folder, _State.of(vectors, fields, path.stat().st_size))
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise ArtefactStale(
                f"The FAISS index in {folder} cannot be read ({error}).", "Build it again: `python -m app prepare`."
            ) from error

    def add(self, passages: Sequence[Passage], vectors: Vectors) -> None:
        """See ``VectorStore.add``."""
        with self._writing:
            state = self._state
            vectors = check_rows(passages, vectors, state.dim)
            last = last_of_each(passages)
            fresh = [(p.id, *(getattr(p, name) for name in FILTERS)) for p in (passages[row] for row in last)]
            kept = state.rows_without({passage.id for passage in passages})
            old = vectors[:0] if state.vectors is None else state.vectors[kept]
            self._replace(np.concatenate([old, vectors[last]]), [state.fields[row] for row in kept] + fresh)

    def delete(self, passage_ids: Sequence[str]) -> int:
        """See ``VectorStore.delete``."""
        with self._writing:
            state = self._state
            kept = state.rows_without(set(passage_ids))
            removed = len(state.fields) - len(kept)
            if removed and state.vectors is not None:
                self._replace(state.vectors[kept], [state.fields[row] for row in kept])
            return removed

    def search(self, request: SearchRequest) -> list[Hit]:
        """See ``VectorStore.search``; searches by ``request.vector``."""
        if request.vector is None:
            raise TesseraError("FAISS searches by vector, and none was given.", "Encode the question first.")
        state = self._state
        if state.index is None:
            return []
        check_dim(len(request.vector), state.dim)
        query = np.ascontiguousarray(request.vector[None], dtype=np.float32)
        options: dict[str, Any] = {}
        if request.filter:
            parameters: Any = faiss.SearchParameters  # its type stub does not know the keyword
            options["params"] = parameters(sel=faiss.IDSelectorBatch(state.matching(request)))
        scores, rows = state.index.search(query, min(request.k, len(state.fields)), **options)
        found = zip(rows[0].tolist(), scores[0].tolist(), strict=True)
        return [Hit(state.fields[row][0], score) for row, score in found if row >= 0]

    def stats(self) -> StoreStats:
        """See ``VectorStore.stats``."""
        state = self._state
        return StoreStats(len(state.fields), state.bytes, f"FAISS {faiss.__version__} IndexFlatIP")

    def close(self) -> None:
        """See ``VectorStore.close``."""
        self._state = _EMPTY

    def _replace(self, vectors: Vectors, fields: list[tuple[str, ...]]) -> None:
        content = save({"vectors": vectors}, metadata={"fields": json.dumps(fields, ensure_ascii=False)})
        write_atomically(self._folder / FILE, content)
        self._state = _State.of(vectors, fields, len(content))
