"""A partition after a passage has come, changed or gone: centroids stay, every passage lies in its nearest cell.

That is all a stream of small changes asks for: cells that no change touched keep their passages, and so their caches.
A cell that outgrows its budget is cut in two, as when the partition was made. What is not done is choosing k anew:
after many changes, cut again.
"""

from __future__ import annotations

from dataclasses import replace

from core.models.encoder import Vectors
from core.voronoi.kmeans import IntArray
from core.voronoi.partition import Partition, settle, within_budget


def kept_up(partition: Partition, vectors: Vectors, tokens: IntArray) -> Partition:
    """The partition of changed passages.

    Cells keep their numbers, unless one has become empty; the half of a cell that was cut stands behind the other. The
    silhouette stays that of the cut as it was made.

    Args:
        partition: As it was.
        vectors: [n, dim] unit vectors of the passages now.
        tokens: [n] tokens of each.
    """
    cut = within_budget(vectors, tokens, settle(vectors, tokens, partition.centroids), partition.config)
    centroids, assignment, weight = cut
    return replace(partition, centroids=centroids, assignment=assignment, tokens=weight)
