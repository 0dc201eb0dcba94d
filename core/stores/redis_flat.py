"""Redis, flat: the exact search, on a server that other programs can ask as well."""

from __future__ import annotations

from core.stores.redis_base import RedisStore


class RedisFlat(RedisStore):
    """Compares the question with every vector; exact."""

    name = "redis-flat"
    label = "Redis FLAT"
    algorithm = "flat"
