"""The one index that the functions read: vectors and texts side by side in a LanceDB database, in a folder or on S3.

A function has no workspace: what it needs to answer comes with the index. The vectors are one of core's LanceDB stores,
the texts a table beside it with a B-tree over the ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
from lancedb.index import BTree
from lancedb.table import Table

from core.corpus.types import Passage
from core.errors import TesseraError
from core.labs.serverless.results import publish
from core.labs.serverless.settings import IndexKind
from core.models.encoder import Vectors
from core.stores.base import SearchRequest, StoreStats
from core.stores.lancedb_index import LanceFlat, LanceIvfHnswSq, LanceTable
from core.stores.lancedb_location import TableLocation
from core.trace import Tracer

STORES: dict[IndexKind, type[LanceTable]] = {"flat": LanceFlat, "ivf-hnsw-sq": LanceIvfHnswSq}
TEXTS = "texts"


@dataclass(frozen=True)
class Retrieved:
    """A passage with its score; larger is better."""

    passage: Passage
    score: float


class PassageTable:
    """Searches by vector and returns the passages with their texts."""

    def __init__(self, location: TableLocation, store: LanceTable, texts: Table) -> None:
        self._location = location
        self._store = store
        self._texts = texts

    @classmethod
    def create(cls, url: str, kind: IndexKind, passages: Sequence[Passage], vectors: Vectors) -> PassageTable:
        """Builds the index at a folder or an ``s3://`` URL and replaces an existing one.

        Args:
            passages: The passages, ids unique.
            vectors: [n, dim] their unit vectors.

        Raises:
            TesseraError: Passages and vectors do not match, or the location cannot be written.
        """
        location = TableLocation(url)
        store = STORES[kind].create_at(location, passages, vectors)
        columns = {name: [getattr(passage, name) for passage in passages] for name in ("id", "title", "text")}
        with location.translating_errors(STORES[kind].store):
            database = location.connect()
            known = TEXTS in database.list_tables().tables
            texts = database.create_table(TEXTS, pa.table(columns), mode="overwrite" if known else "create")
            texts.create_index("id", config=BTree())
        publish(url)  # last: from now on, results that were kept for an older index miss
        return cls(location, store, texts)

    @classmethod
    def open(cls, url: str, kind: IndexKind) -> PassageTable:
        """Opens the index at a folder or an ``s3://`` URL.

        Raises:
            ArtefactStale: The table is missing or damaged.
            TesseraError: No place is named, or object storage cannot be reached.
        """
        if not url:
            raise TesseraError("TESSERA_INDEX_URL is empty.", "Set it to the folder or s3:// URL of the index.")
        location = TableLocation(url)
        store = STORES[kind].open_at(location)
        with location.translating_errors(STORES[kind].store):
            return cls(location, store, location.connect().open_table(TEXTS))

    def search(self, vector: Vectors, k: int, tracer: Tracer) -> list[Retrieved]:
        """The ``k`` nearest passages, best first, under the spans "search" and "fetch".

        Args:
            vector: [dim] unit vector of the question.
        """
        with tracer.span("search"):
            hits = self._store.search(SearchRequest(k, vector=vector))
        with tracer.span("fetch"), self._location.translating_errors(self._store.store):
            wanted = ", ".join("'" + hit.passage_id.replace("'", "''") + "'" for hit in hits)
            query = self._texts.search().where(f"id IN ({wanted})").limit(len(hits))
            rows = {row["id"]: row for row in query.to_list()} if hits else {}
        return [
            Retrieved(Passage(hit.passage_id, rows[hit.passage_id]["title"], rows[hit.passage_id]["text"]), hit.score)
            for hit in hits
        ]

    def stats(self) -> StoreStats:
        """Statistics of the vector store."""
        return self._store.stats()

    def close(self) -> None:
        """Lets go of the store; the table is not used afterwards."""
        self._store.close()
