"""LanceDB with IVF_HNSW_SQ: a graph over vectors of one byte per dimension; the best are compared again in full.

One partition, so that a single graph spans all passages. Without the second look (``refine_factor``) the rounding of
the vectors to bytes costs recall.
"""

from __future__ import annotations

from typing import Any

from lancedb.index import IvfHnswSq
from lancedb.query import LanceVectorQueryBuilder

from core.stores.base import SearchRequest
from core.stores.lancedb_table import LanceTable

DEFAULT_EF = 100
DEFAULT_REFINE = 5


class LanceIvfHnswSq(LanceTable):
    """Nearest passages along a graph: ``ef`` candidates, ``refine_factor`` times k of them compared again in full."""

    store = "lancedb-ivf-hnsw-sq"
    kind = "IVF_HNSW_SQ"
    options = ("ef", "refine_factor")

    @classmethod
    def index_config(cls, rows: int) -> Any:
        """See ``LanceTable.index_config``."""
        return IvfHnswSq(distance_type="cosine", num_partitions=1)

    def tune(self, query: LanceVectorQueryBuilder, request: SearchRequest) -> LanceVectorQueryBuilder:
        """See ``LanceTable.tune``; ``ef`` below the number of candidates to refine would be refused, and is raised."""
        refine = request.options.get("refine_factor", DEFAULT_REFINE)
        ef = max(request.options.get("ef", DEFAULT_EF), request.k * refine)
        return query.nprobes(1).ef(ef).refine_factor(refine)
