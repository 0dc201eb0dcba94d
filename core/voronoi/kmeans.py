"""Spherical k-means: centroids of unit length, similarity by cosine."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.models.encoder import Vectors

IntArray = npt.NDArray[np.int64]
BLOCK = 8192
"""Rows of a similarity matrix computed at a time."""
_ITERATIONS = 25
_RESTARTS = 3
_RESTARTS_UP_TO = 10**8


def nearest(vectors: Vectors, centroids: Vectors) -> IntArray:
    """Cell of each vector [n]: the most similar centroid, the first of equals."""
    blocks = (vectors[start : start + BLOCK] @ centroids.T for start in range(0, len(vectors), BLOCK))
    return np.concatenate([block.argmax(axis=1) for block in blocks]).astype(np.int64)


def k_means(vectors: Vectors, k: int, seed: int) -> Vectors:
    """Centroids [k, dim] of unit length, computed by FAISS; the best of three runs unless the input is large.

    Args:
        vectors: [n, dim] unit vectors, n >= k.
        k: Number of centroids; some may end up without a vector.
    """
    if k == 1:
        return _unit(vectors.sum(axis=0, keepdims=True))
    import faiss  # imported here because routing a question does not need it

    run = faiss.Kmeans(
        vectors.shape[1],
        k,
        niter=_ITERATIONS,
        nredo=_RESTARTS if len(vectors) * k <= _RESTARTS_UP_TO else 1,
        spherical=True,
        seed=seed,
        min_points_per_centroid=1,
        max_points_per_centroid=len(vectors),
        gpu=faiss.get_num_gpus() > 0,
    )
    run.train(vectors)
    return _unit(np.asarray(run.centroids, dtype=np.float32))


def split(members: Vectors, seed: int) -> Vectors | None:
    """Centroids [2, dim] that split the members of a cell in two; None if all members are equal."""
    if count_distinct(members) < 2:
        return None
    pair = k_means(members, 2, seed)
    if len(np.unique(nearest(members, pair))) == 2:
        return pair
    # Rounding can assign nearly equal vectors to the same centroid: split off the one furthest from the rest.
    outlier = int((members @ pair[0]).argmin())
    rest = np.delete(members, outlier, axis=0)
    return np.stack([members[outlier], _unit(rest.sum(axis=0, keepdims=True))[0]])


def count_distinct(vectors: Vectors) -> int:
    """Number of different rows."""
    return len({row.tobytes() for row in vectors})


def _unit(rows: Vectors) -> Vectors:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.maximum(norms, 1e-12)).astype(np.float32)
