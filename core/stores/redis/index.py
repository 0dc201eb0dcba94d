"""The server side of a Redis store: passages as hashes, and the search index over them.

    {tessera:1f0c...}:p:<passage id>   hash: vector, words, and digests of the filter fields
    {tessera:1f0c...}:ids              set of the passage ids
    {tessera:1f0c...}:meta             hash, written when the index is complete

Filter values enter a query as digests, and the words of a question as plain words, so that user input is never parsed
as the query language of Redis.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import redis
from redisvl.exceptions import RedisVLError
from redisvl.index import SearchIndex
from redisvl.query import AggregateHybridQuery, TextQuery, VectorQuery
from redisvl.query.filter import FilterExpression, Tag, Text

from core.corpus.text import tokenise
from core.corpus.types import Passage, texts
from core.digests import text_digest
from core.errors import TesseraError
from core.messages import message
from core.models.encoder import Vectors
from core.stores.base import FILTERS, Hit
from core.stores.redis.connection import Connection, one_node, translating_errors

PREFIX = "tessera:"
FORMAT = 1
_BATCH = 500
_POLL_S = 0.02
_CANDIDATES = 100
_BUILDING_S = 600
_WEIGHED = 100
_MB = 1 << 20


@dataclass(frozen=True)
class Layout:
    """The name of an index on the server, and its parameters.

    Attributes:
        algorithm: "flat" or "hnsw".
        home: Mark of the folder that it was built for, see ``core.workspace.folder_mark``.
    """

    name: str
    algorithm: str
    dim: int
    home: str = ""

    def key(self, passage_id: str) -> str:
        """Key of a passage; the braces keep the whole index on one node of a cluster."""
        return f"{{{self.name}}}:p:{passage_id}"

    @property
    def ids(self) -> str:
        """Key of the set of passage ids."""
        return f"{{{self.name}}}:ids"

    @property
    def meta(self) -> str:
        """Key that is written last and marks the index as complete."""
        return f"{{{self.name}}}:meta"

    @property
    def building(self) -> str:
        """Key that exists, for a limited time, while the index is being built."""
        return f"{{{self.name}}}:building"

    def facts(self) -> dict[str, str]:
        """Content of ``meta``."""
        return {"dim": str(self.dim), "algorithm": self.algorithm, "format": str(FORMAT)}

    def schema(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """The redisvl schema of the index; stemming and stop words are handled by ``tokenise``, in two languages."""
        vector = {"algorithm": self.algorithm, "dims": self.dim, "distance_metric": "cosine", "datatype": "float32"}
        index = {"name": self.name, "prefix": self.key(""), "key_separator": "", "storage_type": "hash"}
        return {
            "index": {**index, "stopwords": []},
            "fields": [
                *({"name": name, "type": "tag"} for name in FILTERS),
                {"name": "words", "type": "text", "attrs": {"no_stem": True}},
                {"name": "vector", "type": "vector", "attrs": {**vector, **attributes}},
            ],
        }


class RedisIndex:
    """One index on one server. Safe to share between threads.

    Args:
        layout: Name and parameters of the index.
        attributes: Settings of the vector field, such as M of HNSW.
    """

    def __init__(self, server: Connection, layout: Layout, attributes: Mapping[str, Any]) -> None:
        self.server, self.layout = server, layout
        self._attributes = attributes
        self._opened: tuple[Any, SearchIndex] | None = None

    @contextmanager
    def connected(self) -> Iterator[Any]:
        """A client of the server; its errors become a TesseraError."""
        with translating_errors(self.server):
            yield self.server.client()

    def build(self, passages: Sequence[Passage], vectors: Vectors) -> None:
        """Fills a new index, which is deleted if that fails.

        Raises:
            TesseraError: The server is gone, full, or did not index everything.
        """
        with self.connected() as client:
            sweep(client)
            try:
                self._fill(client, passages, vectors)
            except BaseException:
                drop_index(client, self.layout)
                raise

    def problem(self) -> str:
        """The defect of the index, as the end of a sentence; empty if it is complete."""
        with self.connected() as client:
            facts = {key.decode(): value.decode() for key, value in client.hgetall(self.layout.meta).items()}
            if facts != self.layout.facts():
                return message("does not hold the index {name}", name=self.layout.name)
            indexed, stored = self._indexed(client), client.scard(self.layout.ids)
            return "" if indexed == stored else message("indexes {n:,} of {total:,} passages", n=indexed, total=stored)

    def count(self) -> int:
        """Number of passages."""
        with self.connected() as client:
            return int(client.scard(self.layout.ids))

    def weight(self) -> int:
        """Memory of the index and its passages in bytes, as reported by the server (passages by a sample)."""
        with self.connected() as client:
            info = self._search_index(client).info()
            pipe = client.pipeline(transaction=False)
            for passage_id in client.srandmember(self.layout.ids, _WEIGHED):
                pipe.memory_usage(self.layout.key(passage_id.decode()))
            sizes = [size for size in pipe.execute() if size]
            passages = sum(sizes) / len(sizes) * client.scard(self.layout.ids) if sizes else 0.0
        index = float(info["total_index_memory_sz_mb"]) + float(info["vector_index_sz_mb"])
        return round(index * _MB + passages)

    def nearest(
        self, vector: Vectors, k: int, narrowed: Mapping[str, str], effort: Mapping[str, Any], words: str = ""
    ) -> list[Hit]:
        """The ``k`` nearest passages by cosine similarity.

        Args:
            vector: [dim] unit vector of the question.
            narrowed: Field to value.
            effort: Settings of an approximate search.
            words: Words that a passage must hold to be compared at all, as ``required_words`` writes them.
        """
        matching = _filter(narrowed)
        if words:
            text = Text("words") % words
            matching = text if matching is None else text & matching
        query = VectorQuery(
            vector=_bytes(vector),
            vector_field_name="vector",
            num_results=k,
            return_fields=["vector_distance"],
            filter_expression=matching,
            **effort,
        )
        with self.connected() as client:
            rows = self._search_index(client).query(query)
        return [Hit(self._id(row["id"]), 1.0 - float(row["vector_distance"])) for row in rows]

    def hybrid(
        self, vector: Vectors, words: Sequence[str], weight: float, k: int, narrowed: Mapping[str, str]
    ) -> list[Hit]:
        """Candidates by vector and candidates by words, with a combined score.

        BM25 has no upper bound, so it is divided by the best candidate's:
        score = (1 - weight) * cosine similarity + weight * BM25 / best BM25.
        """
        fields = {"text": " ".join(words), "text_field_name": "words", "stopwords": None}
        limits = {"num_results": max(_CANDIDATES, k), "filter_expression": _filter(narrowed)}
        nearest = AggregateHybridQuery(
            vector=_bytes(vector), vector_field_name="vector", return_fields=["__key"], **fields, **limits
        )
        wordiest = TextQuery(return_fields=["score"], **fields, **limits)
        with self.connected() as client:
            index = self._search_index(client)
            near = {
                row["__key"]: (1 - float(row["vector_distance"]), float(row["text_score"]))
                for row in index.query(nearest)
            }
            by_words = {row["id"]: float(row["score"]) for row in index.query(wordiest) if row["id"] not in near}
            near |= _similar(client, vector, by_words)
        best = max((bm25 for _, bm25 in near.values()), default=0.0) or 1.0
        return [Hit(self._id(key), (1 - weight) * cos + weight * bm25 / best) for key, (cos, bm25) in near.items()]

    def drop(self) -> None:
        """Deletes the index and its passages."""
        with self.connected() as client:
            drop_index(client, self.layout)
            if self.server.embedded:
                _forget_on_disk(client)

    def _fill(self, client: Any, passages: Sequence[Passage], vectors: Vectors) -> None:
        layout = self.layout
        client.set(layout.building, 1, ex=_BUILDING_S)
        self._search_index(client).create()
        for start in range(0, len(passages), _BATCH):
            batch = passages[start : start + _BATCH]
            pipe = client.pipeline(transaction=False)
            for passage, vector in zip(batch, vectors[start : start + _BATCH], strict=True):
                pipe.hset(layout.key(passage.id), mapping=as_fields(passage, vector))
            pipe.sadd(layout.ids, *(passage.id for passage in batch))
            pipe.expire(layout.building, _BUILDING_S)
            pipe.execute()
        indexed = self._indexed(client)
        if indexed != len(passages):
            what = message("Redis indexed {n:,} of {total:,} passages.", n=indexed, total=len(passages))
            raise TesseraError(what, "See the log of the server.")
        client.hset(layout.meta, mapping=layout.facts())

    def _indexed(self, client: Any) -> int:
        """Number of indexed passages, after waiting for indexing that is still going on after a restart."""
        index = self._search_index(client)
        try:
            info = index.info()
            while int(info["indexing"]):
                time.sleep(_POLL_S)  # polling without a pause would keep the server from indexing
                info = index.info()
        except (RedisVLError, redis.ResponseError):
            return 0
        return int(info["num_docs"])

    def _search_index(self, client: Any) -> SearchIndex:
        opened = self._opened
        if opened is None or opened[0] is not client:
            described = self.layout.schema(self._attributes)
            self._opened = opened = (client, SearchIndex.from_dict(described, redis_client=client))
        return opened[1]

    def _id(self, key: str) -> str:
        return key[len(self.layout.key("")) :]


def _similar(client: Any, vector: Vectors, by_words: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """Cosine similarity and BM25, by key, of passages that were found only by their words."""
    reading = client.pipeline(transaction=False)
    for key in by_words:
        reading.hget(key, "vector")
    rows = zip(by_words.items(), reading.execute(), strict=True)
    return {key: (float(np.frombuffer(raw, np.float32) @ vector), bm25) for (key, bm25), raw in rows if raw}


def as_fields(passage: Passage, vector: Vectors) -> dict[str, str | bytes]:
    """A passage as stored on the server."""
    return {
        **{name: _digest(getattr(passage, name)) for name in FILTERS},
        "words": " ".join(tokenise(texts([passage])[0])),
        "vector": _bytes(vector),
    }


def required_words(words: Sequence[str], every: bool) -> str:
    """The words of a question as a condition: a passage holds one of them, or every one."""
    return (" " if every else "|").join(words)


def drop_index(client: Any, layout: Layout) -> None:
    """Deletes an index and its passages; a missing index or an unreachable server is not an error."""
    try:
        try:
            one_node(client).execute_command("FT.DROPINDEX", layout.name, "DD")
        except redis.ResponseError as error:
            if "index" not in str(error).lower():
                raise
        client.delete(layout.ids, layout.meta, layout.building)
    except (redis.ConnectionError, redis.TimeoutError):
        return  # what remains is incomplete, so ``sweep`` deletes it before the next build


def _forget_on_disk(client: Any) -> None:
    """Rewrites the log; otherwise the next start of the server would rebuild the whole index and then delete it."""
    if not client.info("persistence")["aof_rewrite_in_progress"]:
        client.bgrewriteaof()
    while client.info("persistence")["aof_rewrite_in_progress"]:
        time.sleep(_POLL_S)


def sweep(client: Any) -> None:
    """Deletes indexes left over from killed builds: neither complete nor being built."""
    for name in one_node(client).execute_command("FT._LIST"):
        text = name.decode() if isinstance(name, bytes) else str(name)
        layout = Layout(text, "", 0)
        ours = text.startswith(PREFIX) and text.count(":") == 1
        if ours and not client.exists(layout.meta, layout.building):
            drop_index(client, layout)


def _filter(narrowed: Mapping[str, str]) -> FilterExpression | None:
    expression: FilterExpression | None = None
    for name, value in narrowed.items():
        condition = Tag(name) == _digest(value)
        expression = condition if expression is None else expression & condition
    return expression


def _digest(value: str) -> str:
    """A digest as tag, to match the text exactly: tags themselves fold case, trim, and split at commas."""
    return text_digest(value, 32)


def _bytes(vector: Vectors) -> bytes:
    return vector.astype("float32").tobytes()
