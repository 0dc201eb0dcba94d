"""FAISS, IVF: vectors in lists around k-means centroids; a search reads the ``nprobe`` nearest lists alone.

The centroids are learned once and kept in the file. They are learned anew when the number of passages has changed so
much that another number of lists fits.
"""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np

from core.models.encoder import Vectors
from core.stores.base import SearchRequest, partitions_for
from core.stores.faiss_rows import FaissRows, Tensors

DEFAULT_NPROBE = 16
_ROUNDS = 10
_SEED = 1234
_TOLERATED = 2.0
"""By what factor the number of lists may be off before they are learned anew."""


class FaissIvf(FaissRows):
    """Nearest passages by cosine similarity, among those in the nearest lists."""

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
            vectors.shape[1], wanted, niter=_ROUNDS, seed=_SEED, spherical=True, min_points_per_centroid=1
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
        """See ``FaissRows.parameters``. A filter searches all lists: the few that match may lie in any of them."""
        nprobe = 2**31 - 1 if request.filter else request.options.get("nprobe", DEFAULT_NPROBE)
        kind: Any = faiss.SearchParametersIVF
        return kind(nprobe=nprobe, **selected)
