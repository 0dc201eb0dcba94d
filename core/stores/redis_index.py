"""The half of a Redis store that is on the server: passages as hashes, and the search index over them.

    {tessera:1f0c...}:p:<passage id>   hash: vector, words, and digests of the filter fields
    {tessera:1f0c...}:ids              set of the passage ids
    {tessera:1f0c...}:meta             hash, written when the index is whole

Filter values enter a query as digests and the words of a question as bare words, so no text of a person is ever read
as the query language of Redis.
"""

from __future__ import annotations

import hashlib
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
from redisvl.query.filter import FilterExpression, Tag

from core.corpus.types import Passage, texts
from core.errors import TesseraError
from core.models.encoder import Vectors
from core.redis.connection import Connection, one_node, speaking
from core.stores.base import FILTERS, Hit
from core.stores.tokenise import tokenise

PREFIX = "tessera:"
FORMAT = 1
Fields = Mapping[Any, Any]
"""A passage as the server keeps it."""
_BATCH = 500
_POLL_S = 0.02
_CANDIDATES = 100
_BUILDING_S = 600
_WEIGHED = 100
_MB = 1 << 20


@dataclass(frozen=True)
class Layout:
    """Where an index lives on the server, and what it is made of.

    Attributes:
        name: Of the index.
        algorithm: "flat" or "hnsw".
        dim: Dimension of its vectors.
    """

    name: str
    algorithm: str
    dim: int

    def key(self, passage_id: str) -> str:
        """Where a passage is kept; the braces keep an index on one node of a cluster, where it changes in one step."""
        return f"{{{self.name}}}:p:{passage_id}"

    @property
    def ids(self) -> str:
        """Where the passage ids are kept."""
        return f"{{{self.name}}}:ids"

    @property
    def meta(self) -> str:
        """What is written last."""
        return f"{{{self.name}}}:meta"

    @property
    def building(self) -> str:
        """What says, for a while, that somebody builds it."""
        return f"{{{self.name}}}:building"

    def facts(self) -> dict[str, str]:
        """What ``meta`` holds."""
        return {"dim": str(self.dim), "algorithm": self.algorithm, "format": str(FORMAT)}

    def schema(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """The index as redisvl wants it described; words are stemmed and stopped by us, in two languages."""
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
        server: The way to Redis.
        layout: Where it lives.
        attributes: Settings of the vector field, such as M of HNSW.
    """

    def __init__(self, server: Connection, layout: Layout, attributes: Mapping[str, Any]) -> None:
        self.server, self.layout = server, layout
        self._attributes = attributes
        self._opened: tuple[Any, SearchIndex] | None = None

    @contextmanager
    def asking(self) -> Iterator[Any]:
        """A client of a server that is there, with its failures as sentences."""
        with speaking(self.server):
            yield self.server.client()

    def build(self, passages: Sequence[Passage], vectors: Vectors) -> None:
        """Fills a new index; nothing of it stays when that fails.

        Raises:
            TesseraError: The server is gone, full, or did not index everything.
        """
        with self.asking() as client:
            sweep(client)
            try:
                self._fill(client, passages, vectors)
            except BaseException:
                drop_index(client, self.layout)
                raise

    def lacks(self) -> str:
        """What is wrong with it, as the end of a sentence; empty when it is whole."""
        with self.asking() as client:
            facts = {key.decode(): value.decode() for key, value in client.hgetall(self.layout.meta).items()}
            if facts != self.layout.facts():
                return f"does not hold the index {self.layout.name}"
            indexed, kept = self._indexed(client), client.scard(self.layout.ids)
            return "" if indexed == kept else f"indexes {indexed} of {kept} passages"

    def count(self) -> int:
        """Passages in it."""
        with self.asking() as client:
            return int(client.scard(self.layout.ids))

    def weight(self) -> int:
        """Bytes of the server's memory that its index and its passages take, by the server's own account."""
        with self.asking() as client:
            info = self._search_index(client).info()
            some = client.srandmember(self.layout.ids, _WEIGHED)
            weighing = client.pipeline(transaction=False)
            for passage_id in some:
                weighing.memory_usage(self.layout.key(passage_id.decode()))
            each = [size for size in weighing.execute() if size]
            passages = sum(each) / len(each) * client.scard(self.layout.ids) if each else 0.0
        index = float(info["total_index_memory_sz_mb"]) + float(info["vector_index_sz_mb"])
        return round(index * _MB + passages)

    def change(self, wanted: Mapping[str, Fields | None]) -> dict[str, Fields]:
        """Sets or removes (None) passages, all in one transaction.

        Returns:
            What was there before under each id; empty where there was nothing.
        """
        with self.asking() as client:
            reading = client.pipeline(transaction=False)
            for passage_id in wanted:
                reading.hgetall(self.layout.key(passage_id))
            before = dict(zip(wanted, reading.execute(), strict=True))
            writing = client.pipeline(transaction=True)
            for passage_id, fields in wanted.items():
                if fields:
                    writing.hset(self.layout.key(passage_id), mapping=fields)
                    writing.sadd(self.layout.ids, passage_id)
                else:
                    writing.delete(self.layout.key(passage_id))
                    writing.srem(self.layout.ids, passage_id)
            writing.execute()
            return before

    def nearest(self, vector: Vectors, k: int, narrowed: Mapping[str, str], effort: Mapping[str, Any]) -> list[Hit]:
        """The ``k`` nearest passages by cosine similarity."""
        query = VectorQuery(
            vector=_bytes(vector),
            vector_field_name="vector",
            num_results=k,
            return_fields=["vector_distance"],
            filter_expression=_filter(narrowed),
            **effort,
        )
        with self.asking() as client:
            rows = self._search_index(client).query(query)
        return [Hit(self._id(row["id"]), 1.0 - float(row["vector_distance"])) for row in rows]

    def hybrid(
        self, vector: Vectors, words: Sequence[str], weight: float, k: int, narrowed: Mapping[str, str]
    ) -> list[Hit]:
        """The nearest candidates and those with the best words, ordered by both.

        BM25 has no upper bound, so the best of the candidates counts as 1:
        score = (1 - weight) * cosine similarity + weight * BM25 / best BM25.
        """
        fields = {"text": " ".join(words), "text_field_name": "words", "stopwords": None}
        limits = {"num_results": max(_CANDIDATES, k), "filter_expression": _filter(narrowed)}
        nearest = AggregateHybridQuery(
            vector=_bytes(vector), vector_field_name="vector", return_fields=["__key"], **fields, **limits
        )
        wordiest = TextQuery(return_fields=["score"], **fields, **limits)
        with self.asking() as client:
            index = self._search_index(client)
            near = {
                row["__key"]: (1 - float(row["vector_distance"]), float(row["text_score"]))
                for row in index.query(nearest)
            }
            told = {row["id"]: float(row["score"]) for row in index.query(wordiest) if row["id"] not in near}
            near |= _similar(client, vector, told)
        best = max((bm25 for _, bm25 in near.values()), default=0.0) or 1.0
        return [Hit(self._id(key), (1 - weight) * cos + weight * bm25 / best) for key, (cos, bm25) in near.items()]

    def drop(self) -> None:
        """Deletes it with everything in it."""
        with self.asking() as client:
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
            raise TesseraError(f"Redis indexed {indexed} of {len(passages)} passages.", "See the log of the server.")
        client.hset(layout.meta, mapping=layout.facts())

    def _indexed(self, client: Any) -> int:
        """Passages that a search finds, after waiting for what is still being indexed after a restart."""
        index = self._search_index(client)
        try:
            info = index.info()
            while int(info["indexing"]):
                time.sleep(_POLL_S)  # asked without a pause, the server answers instead of indexing
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


def _similar(client: Any, vector: Vectors, told: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """Cosine similarity and BM25 of passages that were found by their words alone, by key."""
    reading = client.pipeline(transaction=False)
    for key in told:
        reading.hget(key, "vector")
    kept = zip(told.items(), reading.execute(), strict=True)
    return {key: (float(np.frombuffer(raw, np.float32) @ vector), bm25) for (key, bm25), raw in kept if raw}


def as_fields(passage: Passage, vector: Vectors) -> dict[str, str | bytes]:
    """A passage as the server keeps it."""
    return {
        **{name: _digest(getattr(passage, name)) for name in FILTERS},
        "words": " ".join(tokenise(texts([passage])[0])),
        "vector": _bytes(vector),
    }


def drop_index(client: Any, layout: Layout) -> None:
    """Deletes an index and its passages; one that is not there is no error, and neither is a server that has gone."""
    try:
        try:
            one_node(client).execute_command("FT.DROPINDEX", layout.name, "DD")
        except redis.ResponseError as error:
            if "index" not in str(error).lower():
                raise
        client.delete(layout.ids, layout.meta, layout.building)
    except (redis.ConnectionError, redis.TimeoutError):
        return  # what stays is not whole, so ``sweep`` takes it away with the next build


def _forget_on_disk(client: Any) -> None:
    """Writes the log anew: at its next start the server would build the whole index again, only to delete it."""
    if not client.info("persistence")["aof_rewrite_in_progress"]:
        client.bgrewriteaof()
    while client.info("persistence")["aof_rewrite_in_progress"]:
        time.sleep(_POLL_S)


def sweep(client: Any) -> None:
    """Deletes what builds that were killed have left: neither whole nor being built."""
    for name in one_node(client).execute_command("FT._LIST"):
        text = name.decode() if isinstance(name, bytes) else str(name)
        layout = Layout(text, "", 0)
        if _is_ours(text) and not client.exists(layout.meta, layout.building):
            drop_index(client, layout)


def _is_ours(name: str) -> bool:
    return name.startswith(PREFIX) and name.count(":") == 1


def _filter(narrowed: Mapping[str, str]) -> FilterExpression | None:
    expression: FilterExpression | None = None
    for name, value in narrowed.items():
        wanted = Tag(name) == _digest(value)
        expression = wanted if expression is None else expression & wanted
    return expression


def _digest(value: str) -> str:
    """A tag that stands for exactly this text: tags themselves fold case, trim, and split at commas."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _bytes(vector: Vectors) -> bytes:
    return vector.astype("float32").tobytes()
