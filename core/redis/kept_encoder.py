"""An encoder that remembers the questions it has seen, in redisvl's EmbeddingsCache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from redisvl.extensions.cache.embeddings import EmbeddingsCache

from core.models.encoder import Encoder, Vectors
from core.redis.connection import Connection, speaking

NAME = "tessera-embeddings"
TTL_S = 7 * 24 * 3600


class KeptEncoder:
    """The same vectors as those of ``encoder``, to the bit; a question seen before is not encoded again.

    Args:
        encoder: Encodes what is new.
        server: Where vectors are kept, under the encoder's fingerprint.
    """

    def __init__(self, encoder: Encoder, server: Connection) -> None:
        self.name, self.dim, self.fingerprint = encoder.name, encoder.dim, encoder.fingerprint
        self._encoder, self._server = encoder, server
        self._opened: tuple[Any, EmbeddingsCache] | None = None

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors [n, dim] of passages; these are kept in the workspace, not here."""
        return self._encoder.encode_passages(texts)

    def encode_query(self, text: str) -> Vectors:
        """Unit vector [dim] of a question."""
        with speaking(self._server):
            cache = self._cache()
            found = cache.get(text, self.fingerprint)
            if found is not None:
                return np.asarray(found["embedding"], dtype=np.float32)
            vector = self._encoder.encode_query(text)
            cache.set(text, self.fingerprint, [float(value) for value in vector])
            return vector

    def _cache(self) -> EmbeddingsCache:
        client = self._server.client()
        if self._opened is None or self._opened[0] is not client:
            self._opened = (client, EmbeddingsCache(name=NAME, ttl=TTL_S, redis_client=client))
        return self._opened[1]
