"""An encoder without a model and without torch: a process that needs no more starts in a moment."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import cache

import numpy as np

from core.models.encoder import Vectors


class TinyEncoder:
    """Bag of words, each a fixed random direction of 192 dimensions: texts that share words are near each other."""

    name = "tiny"
    dim = 192
    fingerprint = "tiny-encoder"
    max_tokens = 512

    def count(self, text: str) -> int:
        """Words of a text."""
        return len(text.split())

    def knows(self, text: str) -> bool:
        """It knows every script but Thai."""
        return not re.search("[\u0e00-\u0e7f]", text)

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors [n, dim]."""
        return np.stack([self.encode_query(text) for text in texts]) if texts else np.zeros((0, self.dim), np.float32)

    def encode_query(self, text: str) -> Vectors:
        """Unit vector [dim]; a text without words gets the direction of the empty word."""
        words = [word.removesuffix("s") for word in re.findall(r"\w{4,}", text.lower())]
        vector = np.sum([_direction(word, self.dim) for word in words or [""]], axis=0)
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


@cache
def _direction(word: str, dim: int) -> Vectors:
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
    return np.random.default_rng(seed).standard_normal(dim).astype(np.float32)
