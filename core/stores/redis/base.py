"""The Redis stores, exact (FLAT) and approximate (HNSW).

The folder contains a small pointer file; everything else is on the server.

    folder/redis.json    {"index": "tessera:1f0c...", "algorithm": "flat", "dim": 384, "home": "1183", ...}

A new index gets a unique name and comes into use when the pointer file is replaced, atomically and together with the
manifest beside it. A copy of the folder points to the same index, which is kept when the copy is deleted.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from core.artefacts import index_kind
from core.corpus.text import tokenise
from core.corpus.types import Passage
from core.errors import ArtefactStale, TesseraError
from core.manifest import write_atomically
from core.messages import message
from core.models.encoder import Vectors
from core.stores.base import Hit, SearchRequest, StoreStats, check_dim, check_options, check_rows, writing_to
from core.stores.redis.connection import connection
from core.stores.redis.index import FORMAT, PREFIX, Layout, RedisIndex, required_words
from core.workspace import folder_mark

FILE = "redis.json"
KEYWORDS = "keyword_percent"
"""Search option: weight of the question's words against its vector, in percent. If given, scores are fused."""
REQUIRED = "required_words"
"""Search option: 1 compares the vectors of passages that hold any word of the question, 2 of those that hold all."""
ANY, EVERY = 1, 2
EF_RUNTIME = 200
"""Candidates of an HNSW search. The server's default of 10 has too low a recall."""
_WORDS = 64
_ASK_COUNT_ABOVE = 1_000


class RedisStore:
    """Finds passages in Redis by cosine similarity, or by vector and words."""

    name: ClassVar[str]
    label: ClassVar[str]
    algorithm: ClassVar[str]
    attributes: ClassVar[Mapping[str, Any]] = {}
    options: ClassVar[tuple[str, ...]] = (KEYWORDS, REQUIRED)

    def __init__(self, folder: Path, layout: Layout) -> None:
        self._folder = folder
        self._index = RedisIndex(connection(), layout, self.attributes)

    @classmethod
    def create(cls, folder: Path, passages: Sequence[Passage], vectors: Vectors) -> RedisStore:
        """Builds a store in ``folder`` and replaces an existing one; a failure leaves the old one.

        Raises:
            TesseraError: Vectors and passages do not match, or there is no server.
        """
        vectors = check_rows(passages, vectors)
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{PREFIX}{uuid.uuid4().hex[:16]}"
        store = cls(folder, Layout(name, cls.algorithm, vectors.shape[1], folder_mark(folder)))
        store._index.build(passages, vectors)
        old = _read(folder)
        try:
            store._point(len(passages))
        except BaseException:
            store._index.drop()
            raise
        if old and _is_own(old, folder):
            RedisIndex(connection(), old, {}).drop()
        return store

    @classmethod
    def open(cls, folder: Path) -> RedisStore:
        """Opens the store in ``folder``.

        Raises:
            ArtefactStale: There is none, or the server does not have the index that the folder points to.
            TesseraError: There is no server.
        """
        layout = _read(folder)
        kinds = (index_kind(cls.name),)
        if layout is None or layout.algorithm != cls.algorithm:
            what = message("There is no readable {store} index in {folder}.", store=cls.label, folder=folder)
            raise ArtefactStale(what, kinds=kinds)
        store = cls(folder, layout)
        if problem := store._index.problem():
            what = message(
                "The {store} index in {folder} cannot be used. {server} {lacks}.",
                store=cls.label,
                folder=folder,
                server=store._index.server.place,
                lacks=problem,
            )
            raise ArtefactStale(what, kinds=kinds)
        return store

    def search(self, request: SearchRequest) -> list[Hit]:
        """See ``VectorStore.search``; by vector, or by vector and words together in one of two ways.

        ``keyword_percent`` fuses the scores of both; ``required_words`` compares only vectors of passages that hold the
        question's words (pre-filter and KNN). A question without words is searched by its vector alone.

        Raises:
            TesseraError: Both are given.
        """
        if request.vector is None:
            what = message("{store} searches by vector, and none was given.", store=self.label)
            raise TesseraError(what, "Encode the question first.")
        check_dim(len(request.vector), self._index.layout.dim)
        check_options(request, self.options, self.name)
        k = request.k if request.k <= _ASK_COUNT_ABOVE else min(request.k, max(1, self._index.count()))
        if KEYWORDS in request.options and REQUIRED in request.options:
            remedy = message("Use {one} or {other}.", one=KEYWORDS, other=REQUIRED)
            raise TesseraError("Words cannot be weighed and required at once.", remedy)
        words = tokenise(request.text or "")[:_WORDS] if request.options else []
        if words and KEYWORDS in request.options:
            weight = min(request.options[KEYWORDS], 100) / 100
            hits = self._index.hybrid(request.vector, words, weight, k, request.filter)
        else:
            required = request.options.get(REQUIRED)
            condition = required_words(words, every=required >= EVERY) if required else ""
            hits = self._index.nearest(request.vector, k, request.filter, self._effort(request), condition)
        return sorted(hits, key=lambda hit: (-hit.score, hit.passage_id))[:k]

    def stats(self) -> StoreStats:
        """See ``VectorStore.stats``; the bytes are those of the pointer file: vectors are in the server's memory."""
        size = (self._folder / FILE).stat().st_size
        return StoreStats(self._index.count(), size, f"{self.label} (RediSearch, float32, cosine)")

    def server_bytes(self) -> int:
        """See ``ServerStore.server_bytes``."""
        return self._index.weight()

    def close(self) -> None:
        """See ``VectorStore.close``; the connection is shared by all stores, and stays."""

    def _effort(self, request: SearchRequest) -> dict[str, Any]:
        """Settings of a search by vector alone."""
        return {}

    def _point(self, documents: int) -> None:
        layout = self._index.layout
        facts = {"index": layout.name, "algorithm": layout.algorithm, "dim": layout.dim, "home": layout.home}
        content = json.dumps({**facts, "documents": documents, "format": FORMAT})
        with writing_to(self._folder):
            write_atomically(self._folder / FILE, content.encode())


class RedisFlat(RedisStore):
    """Exact search over all vectors, on a server that other programs can query as well."""

    name = "redis-flat"
    label = "Redis FLAT"
    algorithm = "flat"


class RedisHnsw(RedisStore):
    """Approximate search by an HNSW graph (Malkov and Yashunin 2016); ``ef_runtime`` trades time for recall."""

    name = "redis-hnsw"
    label = "Redis HNSW"
    algorithm = "hnsw"
    attributes: ClassVar[Mapping[str, Any]] = {"m": 16, "ef_construction": 200, "ef_runtime": EF_RUNTIME}
    options = (KEYWORDS, REQUIRED, "ef_runtime")

    def _effort(self, request: SearchRequest) -> dict[str, Any]:
        return {"ef_runtime": max(request.options.get("ef_runtime", EF_RUNTIME), request.k)}


def drop(folder: Path) -> None:
    """Deletes the index of the store in ``folder`` from the server; does nothing for a copy of the folder.

    Raises:
        TesseraError: There is no server.
    """
    layout = _read(folder)
    if layout and _is_own(layout, folder):
        RedisIndex(connection(), layout, {}).drop()


def external_location(folder: Path) -> tuple[str, bool] | None:
    """See ``StoreSpec.external_location``."""
    layout = _read(folder)
    if layout is None:
        return None
    place = message("{server}, index {name}", server=connection().place, name=layout.name)
    return place, _is_own(layout, folder)


def _is_own(layout: Layout, folder: Path) -> bool:
    return layout.home in ("", folder_mark(folder))


def _read(folder: Path) -> Layout | None:
    """The content of the pointer file; None if it is missing or invalid."""
    try:
        facts = json.loads((folder / FILE).read_bytes())
        if facts["format"] != FORMAT:
            return None
        return Layout(str(facts["index"]), str(facts["algorithm"]), int(facts["dim"]), str(facts.get("home", "")))
    except (OSError, ValueError, TypeError, KeyError):
        return None
