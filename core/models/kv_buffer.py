"""A KV cache with room to grow.

transformers' ``DynamicLayer`` concatenates, so every new token copies all keys and values of the sequence. Here they
live in a buffer that new tokens are written into; what attention sees is a view of its filled part.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

ROOM = 256
"""Tokens of room beyond what is there: enough for a question and an answer without growing."""

Layers = Sequence[tuple[torch.Tensor, torch.Tensor]]
"""Keys and values of each layer, [1, kv_heads, tokens, head_dim]."""


class BufferLayer(DynamicLayer):
    """One layer: ``keys`` and ``values`` are views [1, kv_heads, length, head_dim] of larger buffers."""

    def __init__(self, room: int = ROOM) -> None:
        super().__init__()
        self._room = room
        self._key_buffer: torch.Tensor | None = None
        self._value_buffer: torch.Tensor | None = None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Writes new keys and values [1, kv_heads, new, head_dim] behind the old ones; returns views of all."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        past = self.get_seq_length()
        end = past + key_states.shape[-2]
        if self._key_buffer is None or self._value_buffer is None or end > self._key_buffer.shape[-2]:
            # The first buffer is sized for a question and an answer; a sequence that keeps growing doubles its room.
            capacity = end + max(self._room, past)
            self._key_buffer = _grown(self.keys, key_states, past, capacity)
            self._value_buffer = _grown(self.values, value_states, past, capacity)
        self._key_buffer[..., past:end, :] = key_states
        self._value_buffer[..., past:end, :] = value_states
        self.keys = self._key_buffer[..., :end, :]
        self.values = self._value_buffer[..., :end, :]
        return self.keys, self.values


def new_buffer(layers: int, held: Layers = ()) -> DynamicCache:
    """An empty cache of ``layers`` layers, or one that begins with a copy of ``held``, which stays untouched."""
    cache = DynamicCache()
    buffers = [BufferLayer() for _ in range(layers)]
    for buffer, (keys, values) in zip(buffers, held, strict=False):
        buffer.update(keys, values)
    cache.layers = list(buffers)
    return cache


def _grown(old: torch.Tensor | None, like: torch.Tensor, filled: int, capacity: int) -> torch.Tensor:
    buffer = like.new_empty(*like.shape[:-2], capacity, like.shape[-1])
    if old is not None and filled:
        buffer[..., :filled, :] = old
    return buffer
