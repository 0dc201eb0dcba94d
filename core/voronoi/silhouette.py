"""The silhouette: how well the cells are separated; exact for any number of passages."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.models.encoder import Vectors
from core.voronoi.kmeans import BLOCK, IntArray


def silhouette(vectors: Vectors, assignment: IntArray) -> float:
    """Mean silhouette with cosine distance, over all vectors (Rousseeuw 1987); 0 for one cell or n cells.

    No pair is ever formed: the mean cosine distance of x to a cell is ``1 - x . mean(cell)``, so the whole silhouette
    is one matrix product [n, dim] x [dim, k], exact for any n.

    Args:
        vectors: [n, dim] unit vectors.
        assignment: [n] cells numbered 0 to k - 1, none empty.
    """
    sizes = np.bincount(assignment)
    if not 1 < len(sizes) < len(vectors):
        return 0.0
    means = _sums(vectors, assignment, len(sizes)) / sizes[:, None]
    total = 0.0
    for start in range(0, len(vectors), BLOCK):
        own = assignment[start : start + BLOCK]
        rows = np.arange(len(own))
        # Rounding can make the distance between copies of a vector negative, and the ratio of two such meaningless.
        distance = np.maximum(0.0, 1.0 - vectors[start : start + BLOCK].astype(np.float64) @ means.T)
        size = sizes[own]
        # The mean over a vector's own cell includes the vector itself, at distance 0.
        inside = distance[rows, own] * size / np.maximum(size - 1, 1)
        distance[rows, own] = np.inf
        outside = distance.min(axis=1)
        scale = np.maximum(np.maximum(inside, outside), 1e-12)
        total += float(np.where(size > 1, (outside - inside) / scale, 0.0).sum())
    return total / len(vectors)


def _sums(vectors: Vectors, assignment: IntArray, k: int) -> npt.NDArray[np.float64]:
    sums = np.zeros((k, vectors.shape[1]))
    np.add.at(sums, assignment, vectors)
    return sums
