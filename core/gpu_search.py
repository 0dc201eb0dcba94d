"""FAISS on GPUs, for k-means and flat search, where a build of FAISS for GPUs (faiss-gpu) and a GPU are there.

Written after FAISS's own interface and run here with stand-ins alone: no GPU was at hand.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def gpus() -> int:
    """GPUs that the installed FAISS can use; 0 for its usual build."""
    import faiss

    return int(faiss.get_num_gpus())


class GpuIndex:
    """A copy of a flat index on all GPUs, for searches without a filter. Its vectors stay in memory as well.

    Args:
        index: A flat index of FAISS.
    """

    def __init__(self, index: Any) -> None:
        import faiss

        self._index = faiss.index_cpu_to_all_gpus(index)
        self._lock = threading.Lock()  # an index on a GPU searches for one thread at a time

    def search(self, query: Array, k: int) -> tuple[Array, Array]:
        """Scores and rows [n, k] of the nearest vectors of queries [n, dim]."""
        with self._lock:
            scores, rows = self._index.search(query, k)
        return np.asarray(scores), np.asarray(rows)
