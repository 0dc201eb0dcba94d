"""The FAISS stores, flat and IVF: one safetensors file of vectors, ids and filter fields, replaced in one step.

The index is built from the file when the store is opened, so index and passages always agree. Only FAISS keeps the
vectors in memory; the rare updates read them from the file.
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

from core.artefacts import index_kind
from core.corpus.types import Passage
from core.errors import ArtefactStale, TesseraError
from core.manifest import write_atomically
from core.messages import message
from core.models.encoder import Vectors
from core.stores.base import (
    FILTERS,
    Hit,
    SearchRequest,
    StoreStats,
    check_dim,
    check_options,
    check_rows,
    last_occurrences,
    partitions_for,
    writing_to,
)

Tensors = Mapping[str, Vectors]
"""Trained parameters of an index by name; empty for a flat index."""


class _GpuIndex:
    """A copy of a flat index on all GPUs, where faiss-gpu is installed. Its vectors stay in memory as well.

    Tested with a stand-in for the GPU alone.
    """

    def __init__(self, index: faiss.Index) -> None:
        self._index = faiss.index_cpu_to_all_gpus(index)
        self._lock = threading.Lock()  # an index on a GPU searches for one thread at a time

    def search(self, query: Vectors, k: int) -> tuple[Vectors, npt.NDArray[np.int64]]:
        """Scores and rows [n, k] of the nearest vectors of queries [n, dim]."""
        with self._lock:
            scores, rows = self._index.search(query, k)
        return np.asarray(scores), np.asarray(rows)


@dataclass(frozen=True)
class _State:
    """An immutable snapshot of the store; updates replace it, so that a search needs no lock.

    Attributes:
        fields: Id and filter fields of each passage.
        index: The FAISS index; None while the store is empty.
        on_gpu: The same index on GPUs, where there are any and it is flat.
    """

    fields: list[tuple[str, ...]]
    index: faiss.Index | None
    bytes: int
    on_gpu: _GpuIndex | None = None

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
DEFAULT_NPROBE = 16
_ROUNDS = 10
_SEED = 1234
_TOLERATED = 2.0
"""The factor by which the number of IVF lists may differ from the ideal before the centroids are trained again."""


class FaissRows:
    """Finds passages by the inner product of unit vectors; subclasses choose the FAISS index."""

    store: ClassVar[str]
    """Name in the registry."""
    kind: ClassVar[str]
    """Display name of the index type."""
    file: ClassVar[str]
    """Name of its file."""
    options: ClassVar[tuple[str, ...]] = ()
    """Search options it knows."""
    flat: ClassVar[bool] = False
    """Whether it compares every vector, which GPUs do fastest."""

    def __init__(self, folder: Path, state: _State = _EMPTY) -> None:
        self._folder = folder
        self._state = state
        self._writing = threading.Lock()

    @classmethod
    def learn(cls, vectors: Vectors, known: Tensors) -> Tensors:
        """Trains the index parameters on vectors [n, dim]; ``known`` are the parameters so far."""
        return {}

    @classmethod
    def index(cls, vectors: Vectors, learned: Tensors) -> faiss.Index:
        """Builds the FAISS index of vectors [n, dim], n > 0."""
        raise NotImplementedError

    def parameters(self, request: SearchRequest, **selected: Any) -> Any:
        """FAISS search parameters of a request; ``selected`` restricts it to some rows. None means the defaults."""
        kind: Any = faiss.SearchParameters  # its type stub does not know the keyword
        return kind(**selected) if selected else None

    @classmethod
    def create(cls, folder: Path, passages: Sequence[Passage], vectors: Vectors) -> Self:
        """Builds a store in ``folder`` and replaces an existing one.

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
            ArtefactStale: The index is missing or damaged.
        """
        try:
            vectors, learned, fields = _read(folder / cls.file)
            return cls(folder, cls._state_of(vectors, learned, fields, (folder / cls.file).stat().st_size))
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise ArtefactStale(
                message("The FAISS index in {folder} cannot be read ({error}).", folder=folder, error=error),
                kinds=(index_kind(cls.store),),
            ) from error

    def add(self, passages: Sequence[Passage], vectors: Vectors) -> None:
        """See ``VectorStore.add``."""
        with self._writing:
            state = self._state
            vectors = check_rows(passages, vectors, state.dim)
            last = last_occurrences(passages)
            fresh = [(p.id, *(getattr(p, name) for name in FILTERS)) for p in (passages[row] for row in last)]
            remaining = state.rows_without({passage.id for passage in passages})
            old, known = self._held(vectors[:0])
            self._replace(
                np.concatenate([old[remaining], vectors[last]]), [state.fields[row] for row in remaining] + fresh, known
            )

    def delete(self, passage_ids: Sequence[str]) -> int:
        """See ``VectorStore.delete``."""
        with self._writing:
            state = self._state
            remaining = state.rows_without(set(passage_ids))
            removed = len(state.fields) - len(remaining)
            if removed:
                old, known = self._held(np.zeros((0, 0), np.float32))
                self._replace(old[remaining], [state.fields[row] for row in remaining], known)
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
        k = min(request.k, len(state.fields))
        if state.on_gpu and not selected:  # FAISS filters on the CPU alone
            scores, rows = state.on_gpu.search(query, k)
        else:
            scores, rows = state.index.search(query, k, params=parameters)
        pairs = zip(rows[0].tolist(), scores[0].tolist(), strict=True)
        return [Hit(state.fields[row][0], score) for row, score in pairs if row >= 0]

    def stats(self) -> StoreStats:
        """See ``VectorStore.stats``."""
        state = self._state
        return StoreStats(len(state.fields), state.bytes, f"FAISS {faiss.__version__} {self.kind}")

    def close(self) -> None:
        """See ``VectorStore.close``."""
        self._state = _EMPTY

    def _held(self, none: Vectors) -> tuple[Vectors, Tensors]:
        """Vectors and trained parameters from the file; ``none`` while the store is empty."""
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
        self._state = self._state_of(vectors, learned, fields, len(content))

    @classmethod
    def _state_of(cls, vectors: Vectors, learned: Tensors, fields: list[tuple[str, ...]], size: int) -> _State:
        index = cls.index(vectors, learned) if len(vectors) else None
        on_gpu = _GpuIndex(index) if index is not None and cls.flat and faiss.get_num_gpus() > 0 else None
        return _State(fields, index, size, on_gpu)


def _read(path: Path) -> tuple[Vectors, Tensors, list[tuple[str, ...]]]:
    with safe_open(path, "numpy") as file:
        fields = [tuple(row) for row in json.loads((file.metadata() or {})["fields"])]
        tensors = {name: np.array(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118, it is no mapping
    return tensors.pop("vectors"), tensors, fields


class FaissFlat(FaissRows):
    """Exact nearest passages by cosine similarity: nothing to tune, and fast enough up to 100,000 passages."""

    store = "faiss-flat"
    kind = "IndexFlatIP"
    flat = True
    file = "flat.safetensors"

    @classmethod
    def index(cls, vectors: Vectors, learned: Tensors) -> faiss.Index:
        """See ``FaissRows.index``."""
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(vectors)
        return index


class FaissIvf(FaissRows):
    """Approximate nearest passages by cosine similarity: searches the ``nprobe`` nearest k-means lists.

    The centroids are trained once and saved in the file. They are trained again when the number of passages has changed
    so much that the number of lists no longer fits.
    """

    store = "faiss-ivf"
    kind = "IndexIVFFlat"
    file = "ivf.safetensors"
    options = ("nprobe",)

    @classmethod
    def learn(cls, vectors: Vectors, known: Tensors) -> Tensors:
        """Centroids [nlist, dim]; see ``FaissRows.learn``."""
        wanted = partitions_for(len(vectors))
        if known and 1 / _TOLERATED <= wanted / len(known["centroids"]) <= _TOLERATED:
            return {"centroids": known["centroids"]}
        kmeans = faiss.Kmeans(
            vectors.shape[1],
            wanted,
            niter=_ROUNDS,
            seed=_SEED,
            spherical=True,
            min_points_per_centroid=1,
            gpu=faiss.get_num_gpus() > 0,
        )
        kmeans.train(vectors)
        return {"centroids": np.asarray(kmeans.centroids, dtype=np.float32)}

    @classmethod
    def index(cls, vectors: Vectors, learned: Tensors) -> faiss.Index:
        """See ``FaissRows.index``."""
        centroids = learned["centroids"]
        quantizer = faiss.IndexFlatIP(vectors.shape[1])
        quantizer.add(centroids)
        index = faiss.IndexIVFFlat(quantizer, vectors.shape[1], len(centroids), faiss.METRIC_INNER_PRODUCT)
        index.add(vectors)
        return index

    def parameters(self, request: SearchRequest, **selected: Any) -> Any:
        """See ``FaissRows.parameters``. With a filter, all lists are searched: matches may be in any of them."""
        nprobe = 2**31 - 1 if request.filter else request.options.get("nprobe", DEFAULT_NPROBE)
        kind: Any = faiss.SearchParametersIVF
        return kind(nprobe=nprobe, **selected)
