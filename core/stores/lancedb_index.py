"""The LanceDB stores: a table of passages, searched by cosine similarity. Subclasses differ in the index.

LanceDB commits a table as a new version, so a crash leaves the passages from before the call or from after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import lancedb
import pyarrow as pa
from lancedb.index import IvfFlat, IvfHnswSq
from lancedb.query import LanceVectorQueryBuilder
from lancedb.table import Table
from typing_extensions import Self

from core.corpus.types import Passage
from core.errors import TesseraError
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
)
from core.stores.lancedb_location import TableLocation

TABLE = "passages"
_INDEX = "vector_idx"
DEFAULT_NPROBE = 16
DEFAULT_EF = 100
DEFAULT_REFINE = 5


class LanceTable:
    """A LanceDB table; subclasses choose the index and the search options."""

    store: ClassVar[str]
    """Name in the registry."""
    kind: ClassVar[str]
    """Display name of the index type."""
    options: ClassVar[tuple[str, ...]] = ()
    """Search options it knows."""

    def __init__(self, location: TableLocation, table: Table) -> None:
        self._location = location
        self._table = table
        self._dim = table.schema.field("vector").type.list_size
        backend = f"LanceDB {lancedb.__version__} {self.kind}"
        self._stats = StoreStats(table.count_rows(), location.size(), backend)

    @classmethod
    def index_config(cls, rows: int) -> Any:
        """Configuration of the vector index over ``rows`` passages; None for a table without an index."""
        return None

    def tune(self, query: LanceVectorQueryBuilder, request: SearchRequest) -> LanceVectorQueryBuilder:
        """Sets the search options of a query."""
        return query

    @classmethod
    def create(cls, folder: Path, passages: Sequence[Passage], vectors: Vectors) -> Self:
        """Builds a store in ``folder`` and replaces an existing one.

        Raises:
            TesseraError: Passages and vectors do not match, or the location cannot be written.
        """
        return cls.create_at(TableLocation.for_new(folder), passages, vectors)

    @classmethod
    def create_at(cls, location: TableLocation, passages: Sequence[Passage], vectors: Vectors) -> Self:
        """Builds a store at a folder or an ``s3://`` URL; see ``create``."""
        rows = _rows(passages, check_rows(passages, vectors))
        with location.translating_errors(cls.store):
            database = location.connect()
            exists = TABLE in database.list_tables().tables
            table = database.create_table(TABLE, rows, mode="overwrite" if exists else "create")
            config = cls.index_config(rows.num_rows)
            if config is not None:
                table.create_index("vector", config=config, name=_INDEX)
            return cls(location, table)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Opens the store in ``folder``.

        Raises:
            ArtefactStale: The index is missing or damaged.
            TesseraError: Its object storage cannot be reached.
        """
        return cls.open_at(TableLocation.in_folder(folder))

    @classmethod
    def open_at(cls, location: TableLocation) -> Self:
        """Opens the store at a folder or an ``s3://`` URL; see ``open``."""
        with location.translating_errors(cls.store):
            return cls(location, location.connect().open_table(TABLE))

    def search(self, request: SearchRequest) -> list[Hit]:
        """See ``VectorStore.search``; searches by ``request.vector``."""
        if request.vector is None:
            raise TesseraError("LanceDB searches by vector, and none was given.", "Encode the question first.")
        check_dim(len(request.vector), self._dim)
        check_options(request, self.options, self.store)
        with self._location.translating_errors(self.store):
            search = cast(LanceVectorQueryBuilder, self._table.search(request.vector, vector_column_name="vector"))
            query = search.distance_type("cosine")
            if request.filter:
                query = query.where(" AND ".join(f"{n} = {_quoted(v)}" for n, v in request.filter.items()))
            query = self.tune(query, request).select(["id", "_distance"]).limit(min(request.k, self._stats.documents))
            result = query.to_arrow()
        # LanceDB returns the cosine distance 1 - cos, nearest first.
        pairs = zip(result["id"].to_pylist(), result["_distance"].to_pylist(), strict=True)
        return [Hit(passage_id, 1.0 - distance) for passage_id, distance in pairs]

    def stats(self) -> StoreStats:
        """See ``VectorStore.stats``."""
        return self._stats

    def close(self) -> None:
        """See ``VectorStore.close``."""
        # LanceDB frees files and connections with the last reference to the table.
        del self._table


def _rows(passages: Sequence[Passage], vectors: Vectors) -> pa.Table:
    columns: dict[str, Any] = {
        name: pa.array([getattr(passage, name) for passage in passages], type=pa.string()) for name in ("id", *FILTERS)
    }
    flat = pa.array(vectors.reshape(-1), type=pa.float32())
    columns["vector"] = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
    return pa.table(columns)


def _quoted(text: str) -> str:
    """A SQL string literal; inside it, only quotes need escaping."""
    return "'" + text.replace("'", "''") + "'"


class LanceFlat(LanceTable):
    """Exact nearest passages in a LanceDB table."""

    store = "lancedb-flat"
    kind = "flat"


class LanceIvfFlat(LanceTable):
    """Approximate nearest passages from the ``nprobe`` nearest lists of a LanceDB table."""

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


class LanceIvfHnswSq(LanceTable):
    """Approximate nearest passages by an HNSW graph: of ``ef`` candidates, ``refine_factor`` x k are compared exactly.

    There is one partition, so that a single graph spans all passages. Without ``refine_factor``, rounding the vectors
    to one byte per dimension would cost recall.
    """

    store = "lancedb-ivf-hnsw-sq"
    kind = "IVF_HNSW_SQ"
    options = ("ef", "refine_factor")

    @classmethod
    def index_config(cls, rows: int) -> Any:
        """See ``LanceTable.index_config``."""
        return IvfHnswSq(distance_type="cosine", num_partitions=1)

    def tune(self, query: LanceVectorQueryBuilder, request: SearchRequest) -> LanceVectorQueryBuilder:
        """See ``LanceTable.tune``; ``ef`` is raised to the number of candidates to refine, as LanceDB requires."""
        refine = request.options.get("refine_factor", DEFAULT_REFINE)
        ef = max(request.options.get("ef", DEFAULT_EF), request.k * refine)
        return query.nprobes(1).ef(ef).refine_factor(refine)
