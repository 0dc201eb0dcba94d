"""What the Redis stores share. The folder holds a small pointer file, the server everything else.

    folder/redis.json    {"index": "tessera:1f0c...", "algorithm": "flat", "dim": 384, "documents": 2000, "format": 1}

An index is built under a name of its own that nobody knows until the pointer file is replaced. So the pointer is the
alias: it is swapped in one step, together with the manifest that lies beside it.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from core.corpus.types import Passage
from core.errors import ArtefactStale, TesseraError
from core.models.encoder import Vectors
from core.redis.connection import connection
from core.stores.base import (
    Hit,
    SearchRequest,
    StoreStats,
    check_dim,
    check_options,
    check_rows,
    last_of_each,
    writing_to,
)
from core.stores.redis_index import FORMAT, PREFIX, Fields, Layout, RedisIndex, as_fields
from core.stores.tokenise import tokenise
from core.workspace import write_atomically

FILE = "redis.json"
KEYWORDS = "keyword_percent"
"""Search option: what the words of a question weigh beside its vector, in percent. Given, the search is hybrid."""
_WORDS = 64
_ASK_COUNT_ABOVE = 1_000


class RedisStore:
    """Passages in Redis, nearest by cosine similarity, or by words as well.

    Args:
        folder: Where its pointer file lives.
        layout: What the file says.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    algorithm: ClassVar[str]
    attributes: ClassVar[Mapping[str, Any]] = {}
    options: ClassVar[tuple[str, ...]] = (KEYWORDS,)

    def __init__(self, folder: Path, layout: Layout) -> None:
        self._folder = folder
        self._index = RedisIndex(connection(), layout, self.attributes)
        self._writing = threading.Lock()

    @classmethod
    def create(cls, folder: Path, passages: Sequence[Passage], vectors: Vectors) -> RedisStore:
        """Builds a store, in place of one that ``folder`` may hold; a failure leaves the old one.

        Raises:
            TesseraError: Vectors and passages do not match, or there is no server.
        """
        vectors = check_rows(passages, vectors, None)
        folder.mkdir(parents=True, exist_ok=True)
        store = cls(folder, Layout(f"{PREFIX}{uuid.uuid4().hex[:16]}", cls.algorithm, vectors.shape[1]))
        rows = last_of_each(passages)
        store._index.build([passages[row] for row in rows], vectors[rows])
        old = _read(folder)
        try:
            store._point(len(rows))
        except BaseException:
            store._index.drop()
            raise
        if old:
            RedisIndex(connection(), old, {}).drop()
        return store

    @classmethod
    def open(cls, folder: Path) -> RedisStore:
        """Opens the store in ``folder``.

        Raises:
            ArtefactStale: There is none, or the server does not hold what the folder says.
            TesseraError: There is no server.
        """
        layout = _read(folder)
        remedy = f"Build it again: `python -m app index --store {cls.name} --force`."
        if layout is None or layout.algorithm != cls.algorithm:
            raise ArtefactStale(f"There is no readable {cls.label} index in {folder}.", remedy)
        store = cls(folder, layout)
        if lacks := store._index.lacks():
            place = store._index.server.place
            raise ArtefactStale(f"The {cls.label} index in {folder} cannot be used: {place} {lacks}.", remedy)
        return store

    def add(self, passages: Sequence[Passage], vectors: Vectors) -> None:
        """See ``VectorStore.add``; one transaction on the server."""
        vectors = check_rows(passages, vectors, self._index.layout.dim)
        rows = last_of_each(passages)
        self._change({passages[row].id: as_fields(passages[row], vectors[row]) for row in rows})

    def delete(self, passage_ids: Sequence[str]) -> int:
        """See ``VectorStore.delete``; one transaction on the server."""
        return self._change(dict.fromkeys(passage_ids))

    def search(self, request: SearchRequest) -> list[Hit]:
        """See ``VectorStore.search``; by vector, and by vector and words together when ``keyword_percent`` is given."""
        if request.vector is None:
            raise TesseraError(f"{self.label} searches by vector, and none was given.", "Encode the question first.")
        check_dim(len(request.vector), self._index.layout.dim)
        check_options(request, self.options, self.name)
        k = request.k if request.k <= _ASK_COUNT_ABOVE else min(request.k, max(1, self._index.count()))
        words = tokenise(request.text or "")[:_WORDS] if KEYWORDS in request.options else []
        if words:
            weight = min(request.options[KEYWORDS], 100) / 100
            found = self._index.hybrid(request.vector, words, weight, k, request.filter)
        else:
            found = self._index.nearest(request.vector, k, request.filter, self._effort(request))
        return sorted(found, key=lambda hit: (-hit.score, hit.passage_id))[:k]

    def stats(self) -> StoreStats:
        """See ``VectorStore.stats``; the bytes are those of the pointer file: vectors are in the server's memory."""
        size = (self._folder / FILE).stat().st_size
        return StoreStats(self._index.count(), size, f"{self.label} (RediSearch, float32, cosine)")

    def server_bytes(self) -> int:
        """See ``OnServer.server_bytes``."""
        return self._index.weight()

    def close(self) -> None:
        """See ``VectorStore.close``; the connection is shared by all stores, and stays."""

    def _effort(self, request: SearchRequest) -> dict[str, Any]:
        """Settings of a search by vector alone."""
        return {}

    def _change(self, wanted: Mapping[str, Fields | None]) -> int:
        """Sets or removes passages; undone when the pointer cannot be written. Returns how many were there."""
        if not wanted:
            return 0
        with self._writing:
            before = self._index.change(wanted)
            try:
                self._point(self._index.count())
            except BaseException:
                self._index.change({passage_id: fields or None for passage_id, fields in before.items()})
                raise
            return sum(bool(fields) for fields in before.values())

    def _point(self, documents: int) -> None:
        layout = self._index.layout
        facts = {"index": layout.name, "algorithm": layout.algorithm, "dim": layout.dim}
        content = json.dumps({**facts, "documents": documents, "format": FORMAT})
        with writing_to(self._folder):
            write_atomically(self._folder / FILE, content.encode())


def drop(folder: Path) -> None:
    """Deletes what the store in ``folder`` keeps on the server.

    Raises:
        TesseraError: There is no server.
    """
    layout = _read(folder)
    if layout:
        RedisIndex(connection(), layout, {}).drop()


def _read(folder: Path) -> Layout | None:
    """What the pointer file says; None when there is none, or it is of no use."""
    try:
        facts = json.loads((folder / FILE).read_bytes())
        if facts["format"] != FORMAT:
            return None
        return Layout(str(facts["index"]), str(facts["algorithm"]), int(facts["dim"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None
