"""LanceDB with IVF_FLAT: full vectors in lists around k-means centroids; only the nearest lists are read."""

from __future__ import annotations

from typing import Any

from lancedb.index import IvfFlat
from lancedb.query import LanceVectorQueryBuilder

from core.stores.base import SearchRequest, partitions_for
from core.stores.lancedb_table import LanceTable

DEFAULT_NPROBE = 16


class LanceIvfFlat(LanceTable):
    """Nearest passages from the ``nprobe`` nearest lists of a LanceDB table."""

    store = "lancedb-ivf-flat"
    kind = "IVF_FLAT"
    options = ("nprobe",)

    @classmethod
    def index_config(cls, rows: int) -> Any:
        """See ``LanceTable.index_config``."""
        return IvfFlat(distance_type="cosine", num_partitions=partitions_for(rows))

    def tune(self, query: LanceVectorQueryBuilder, request: SearchRequest) -> LanceVectorQueryBuilder:
        """See ``LanceTable.tune``."""
        return query.nprobes(request.options.get("nprobe", DEFAULT_NPROBE))
