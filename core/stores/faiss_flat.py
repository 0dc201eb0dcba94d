"""FAISS, flat: the exact search by inner product. Nothing to tune, and hard to beat below 100,000 passages."""

from __future__ import annotations

import faiss

from core.models.encoder import Vectors
from core.stores.faiss_rows import FaissRows, Tensors


class FaissFlat(FaissRows):
    """Exact nearest passages by cosine similarity."""

    store = "faiss-flat"
    kind = "IndexFlatIP"
    file = "flat.safetensors"

    @classmethod
    def index(cls, vectors: Vectors, learned: Tensors) -> faiss.Index:
        """See ``FaissRows.index``."""
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(vectors)
        return index
