"""LanceDB without an index: every vector is read and compared; exact."""

from __future__ import annotations

from core.stores.lancedb_table import LanceTable


class LanceFlat(LanceTable):
    """Exact nearest passages in a LanceDB table."""

    store = "lancedb-flat"
    kind = "flat"
