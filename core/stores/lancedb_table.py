"""What the LanceDB stores share: a table of passages, searched by cosine, each change one commit of the table.

Rows that come later are found at once, by a scan beside the index, until ``optimize`` takes them into it, which ``add``
calls when they have become too many to scan with every question. LanceDB
writes a new version of the table and then points to it, so a crash leaves the passages before a call or after it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import lancedb
import pyarrow as pa
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
    last_of_each,
)
from core.stores.lancedb_place import Place

TABLE = "passages"
_INDEX = "vector_idx"
_SCANNED = 1_000
_SCANNED_SHARE = 0.1


class LanceTable:
    """A LanceDB table; a variant says which index it has and how it searches.

    Args:
        place: Where the table lives.
        table: The table, open.
    """

    store: ClassVar[str]
    """Name in the registry."""
    kind: ClassVar[str]
    """Kind of index, for people."""
    options: ClassVar[tuple[str, ...]] = ()
    """Search options it knows."""

    def __init__(self, place: Place, table: Table) -> None:
        self._place = place
        self._table = table
        self._dim = table.schema.field("vector").type.list_size
        self._writing = threading.Lock()
        self._stats = self._measure()

    @classmethod
    def index_config(cls, rows: int) -> Any:
        """Configuration of the vector index over ``rows`` passages; None for a table without one."""
        return None

    def tune(self, query: LanceVectorQueryBuilder, request: SearchRequest) -> LanceVectorQueryBuilder:
        """Sets how hard a search tries."""
        return query

    @classmethod
    def create(cls, folder: Path, passages: Sequence[Passage], vectors: Vectors) -> Self:
        """Builds a store in ``folder``, in place of one that may be there.

        Raises:
            TesseraError: Passages and vectors do not match, or the place cannot be written.
        """
        vectors = check_rows(passages, vectors, None)
        return cls.create_at(Place.for_new(folder), passages, vectors)

    @classmethod
    def create_at(cls, place: Place, passages: Sequence[Passage], vectors: Vectors) -> Self:
        """Builds a store at a folder or an ``s3://`` URL; see ``create``."""
        vectors = check_rows(passages, vectors, None)
        rows = _rows(passages, vectors)
        with place.speaking(cls.store):
            database = place.connect()
            known = TABLE in database.list_tables().tables
            table = database.create_table(TABLE, rows, mode="overwrite" if known else "create")
            config = cls.index_config(rows.num_rows)
            if config is not None and rows.num_rows:
                table.create_index("vector", config=config, name=_INDEX)
            return cls(place, table)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Opens the store in ``folder``.

        Raises:
            ArtefactStale: There is none, or it is damaged.
            TesseraError: Its object storage cannot be reached.
        """
        return cls.open_at(Place.in_folder(folder))

    @classmethod
    def open_at(cls, place: Place) -> Self:
        """Opens the store at a folder or an ``s3://`` URL; see ``open``."""
        with place.speaking(cls.store):
            return cls(place, place.connect().open_table(TABLE))

    def add(self, passages: Sequence[Passage], vectors: Vectors) -> None:
        """See ``VectorStore.add``."""
        vectors = check_rows(passages, vectors, self._dim)
        with self._writing, self._place.speaking(self.store):
            merge = self._table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all()
            merge.execute(_rows(passages, vectors))
            self._stats = self._measure()
        if self.unindexed() > max(_SCANNED, _SCANNED_SHARE * self._stats.documents):
            self.optimize()

    def delete(self, passage_ids: Sequence[str]) -> int:
        """See ``VectorStore.delete``."""
        if not passage_ids:
            return 0
        with self._writing, self._place.speaking(self.store):
            done = self._table.delete(f"id IN ({', '.join(map(_quoted, passage_ids))})")
            removed = done.num_deleted_rows  # type: ignore[attr-defined]
            self._stats = self._measure()
            return int(removed)

    def search(self, request: SearchRequest) -> list[Hit]:
        """See ``VectorStore.search``; searches by ``request.vector``."""
        if request.vector is None:
            raise TesseraError("LanceDB searches by vector, and none was given.", "Encode the question first.")
        check_dim(len(request.vector), self._dim)
        check_options(request, self.options, self.store)
        documents = self._stats.documents
        if not documents:
            return []
        with self._place.speaking(self.store):
            search = cast(LanceVectorQueryBuilder, self._table.search(request.vector, vector_column_name="vector"))
            query = search.distance_type("cosine")
            if request.filter:
                query = query.where(" AND ".join(f"{n} = {_quoted(v)}" for n, v in request.filter.items()))
            query = self.tune(query, request).select(["id", "_distance"]).limit(min(request.k, documents))
            found = query.to_arrow()
        # The engine gives the cosine distance 1 - cos, nearest first.
        pairs = zip(found["id"].to_pylist(), found["_distance"].to_pylist(), strict=True)
        return [Hit(passage_id, 1.0 - distance) for passage_id, distance in pairs]

    def unindexed(self) -> int:
        """Rows that are found by a scan, because they came after the index was built; 0 without an index."""
        with self._place.speaking(self.store):
            stats = self._table.index_stats(_INDEX)
        return int(stats.num_unindexed_rows) if stats else 0

    def optimize(self) -> None:
        """Takes new rows into the index and compacts the table's files."""
        with self._writing, self._place.speaking(self.store):
            self._table.optimize()
            self._stats = self._measure()

    def stats(self) -> StoreStats:
        """See ``VectorStore.stats``."""
        return self._stats

    def close(self) -> None:
        """See ``VectorStore.close``."""
        # The engine frees files and connections with the last reference to the table.
        del self._table

    def _measure(self) -> StoreStats:
        backend = f"LanceDB {lancedb.__version__} {self.kind}"
        return StoreStats(self._table.count_rows(), self._place.weigh(), backend)


def _rows(passages: Sequence[Passage], vectors: Vectors) -> pa.Table:
    kept = last_of_each(passages)
    chosen = [passages[row] for row in kept]
    flat = pa.array(vectors[kept].reshape(-1), type=pa.float32())
    columns: dict[str, Any] = {"id": pa.array([passage.id for passage in chosen], type=pa.string())}
    for name in FILTERS:
        columns[name] = pa.array([getattr(passage, name) for passage in chosen], type=pa.string())
    columns["vector"] = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
    return pa.table(columns)


def _quoted(text: str) -> str:
    """A SQL string literal: within quotes, only the quote itself has a meaning."""
    return "'" + text.replace("'", "''") + "'"
