"""Redis, HNSW: the approximate search through a graph of neighbours (Malkov and Yashunin 2016)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from core.stores.base import SearchRequest
from core.stores.redis_base import KEYWORDS, RedisStore

EF_RUNTIME = 200
"""Candidates that a search keeps. The server's own default is 10, which misses too much."""


class RedisHnsw(RedisStore):
    """Follows a graph of neighbours; ``ef_runtime`` trades time for recall."""

    name = "redis-hnsw"
    label = "Redis HNSW"
    algorithm = "hnsw"
    attributes: ClassVar[Mapping[str, Any]] = {"m": 16, "ef_construction": 200, "ef_runtime": EF_RUNTIME}
    options = (KEYWORDS, "ef_runtime")

    def _effort(self, request: SearchRequest) -> dict[str, Any]:
        return {"ef_runtime": max(request.options.get("ef_runtime", EF_RUNTIME), request.k)}
