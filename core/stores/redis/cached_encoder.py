"""An encoder that caches the vectors of questions in redisvl's EmbeddingsCache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from core.models.encoder import Encoder, Vectors
from core.stores.redis.connection import Connection, translating_errors

if TYPE_CHECKING:
    from redisvl.extensions.cache.embeddings import EmbeddingsCache

NAME = "tessera-embeddings"
TTL_S = 7 * 24 * 3600


class CachedEncoder:
    """Gives exactly the vectors of ``encoder``, but encodes each question only once.

    Args:
        server: Stores the vectors under the encoder's fingerprint.
    """

    def __init__(self, encoder: Encoder, server: Connection) -> None:
        self.name, self.dim, self.fingerprint = encoder.name, encoder.dim, encoder.fingerprint
        self.max_tokens = encoder.max_tokens
        self._encoder, self._server = encoder, server
        self._opened: tuple[Any, EmbeddingsCache] | None = None

    def count(self, text: str) -> int:
        """Number of tokens of a text."""
        return self._encoder.count(text)

    def knows(self, text: str) -> bool:
        """See ``Encoder.knows``."""
        return self._encoder.knows(text)

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors [n, dim] of passages, not cached: the workspace stores them."""
        return self._encoder.encode_passages(texts)

    def encode_query(self, text: str) -> Vectors:
        """Unit vector [dim] of a question."""
        with translating_errors(self._server):
            cache = self._cache()
            cached = cache.get(text, self.fingerprint)
            if cached is not None:
                return np.asarray(cached["embedding"], dtype=np.float32)
            vector = self._encoder.encode_query(text)
            cache.set(text, self.fingerprint, [float(value) for value in vector])
            return vector

    def _cache(self) -> EmbeddingsCache:
        from redisvl.extensions.cache.embeddings import EmbeddingsCache  # imported only when Redis is used

        client = self._server.client()
        if self._opened is None or self._opened[0] is not client:
            self._opened = (client, EmbeddingsCache(name=NAME, ttl=TTL_S, redis_client=client))
        return self._opened[1]
