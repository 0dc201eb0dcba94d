"""A stored cell in memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from transformers import DynamicCache

from core.kvcache.cell_file import Layers
from core.models.kv_buffer import BufferPool


@dataclass(frozen=True)
class LoadedCache:
    """A cell's keys and values in memory. They never change: every question continues from its own ``cache()``.

    Attributes:
        key: Digest of tokens and passages.
        layers: Keys and values of each layer, [1, kv_heads, tokens, head_dim], on the model's device.
    """

    cell: int
    key: str
    layers: Layers
    tokens: int
    passage_ids: tuple[str, ...]
    bytes: int

    def cache(self) -> DynamicCache:
        """A cache to continue from, with spare capacity.

        Consecutive sequences reuse the same buffers, see ``BufferPool``; the stored tokens are never overwritten.
        """
        return self._pool.borrow()

    @cached_property
    def _pool(self) -> BufferPool:
        return BufferPool(self.layers)
