"""The FAISS stores, flat and IVF: one safetensors file of vectors, ids and filter fields, replaced in one step.

The index is built from the file when the store is opened, so index and passages always agree. Only FAISS keeps the
vectors in memory.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
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


DEFAULT_NPROBE = 16
_ROUNDS = 10
_SEED = 1234


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

    def __init__(self, vectors: Vectors, learned: Tensors, fields: list[tuple[str, ...]], size: int) -> None:
        self._fields, self._bytes = fields, size
        self._index = self.index(vectors, learned)
        self._on_gpu = _GpuIndex(self._index) if self.flat and faiss.get_num_gpus() > 0 else None

    @classmethod
    def learn(cls, vectors: Vectors) -> Tensors:
        """Trains the index parameters on vectors [n, dim]."""
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
        vectors = check_rows(passages, vectors)
        fields = [(passage.id, *(getattr(passage, name) for name in FILTERS)) for passage in passages]
        learned = cls.learn(vectors)
        metadata = {"fields": json.dumps(fields, ensure_ascii=False)}
        content = save({**learned, "vectors": vectors}, metadata=metadata)
        with writing_to(folder):
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / cls.file, content)
        return cls(vectors, learned, fields, len(content))

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Opens the store in ``folder``.

        Raises:
            ArtefactStale: The index is missing or damaged.
        """
        try:
            vectors, learned, fields = _read(folder / cls.file)
            return cls(vectors, learned, fields, (folder / cls.file).stat().st_size)
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise ArtefactStale(
                message("The FAISS index in {folder} cannot be read ({error}).", folder=folder, error=error),
                kinds=(index_kind(cls.store),),
            ) from error

    def search(self, request: SearchRequest) -> list[Hit]:
        """See ``VectorStore.search``; searches by ``request.vector``."""
        if request.vector is None:
            raise TesseraError("FAISS searches by vector, and none was given.", "Encode the question first.")
        check_options(request, self.options, self.store)
        index = self._index
        check_dim(len(request.vector), index.d)
        query = np.ascontiguousarray(request.vector[None], dtype=np.float32)
        selected = {"sel": faiss.IDSelectorBatch(self._matching(request))} if request.filter else {}
        parameters = self.parameters(request, **selected)
        k = min(request.k, len(self._fields))
        if self._on_gpu and not selected:  # FAISS filters on the CPU alone
            scores, rows = self._on_gpu.search(query, k)
        else:
            scores, rows = index.search(query, k, params=parameters)
        pairs = zip(rows[0].tolist(), scores[0].tolist(), strict=True)
        return [Hit(self._fields[row][0], score) for row, score in pairs if row >= 0]

    def stats(self) -> StoreStats:
        """See ``VectorStore.stats``."""
        return StoreStats(len(self._fields), self._bytes, f"FAISS {faiss.__version__} {self.kind}")

    def close(self) -> None:
        """See ``VectorStore.close``."""
        # FAISS frees its memory with the last reference to the index.
        del self._index, self._on_gpu

    def _matching(self, request: SearchRequest) -> npt.NDArray[np.int64]:
        """Rows of the passages that a filter lets through."""
        conditions = [(1 + FILTERS.index(name), value) for name, value in request.filter.items()]
        rows = [row for row, fields in enumerate(self._fields) if all(fields[at] == value for at, value in conditions)]
        return np.array(rows, dtype=np.int64)


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

    The centroids are trained when it is built, and saved in the file.
    """

    store = "faiss-ivf"
    kind = "IndexIVFFlat"
    file = "ivf.safetensors"
    options = ("nprobe",)

    @classmethod
    def learn(cls, vectors: Vectors) -> Tensors:
        """Centroids [nlist, dim]; see ``FaissRows.learn``."""
        kmeans = faiss.Kmeans(
            vectors.shape[1],
            partitions_for(len(vectors)),
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
