"""A KV cache with room to grow.

transformers' ``DynamicLayer`` concatenates, so every new token copies all keys and values of the sequence. Here they
live in a buffer that new tokens are written into; what attention sees is a view of its filled part.
"""

from __future__ import annotations

import threading
import weakref
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
        self._lent = 0
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
        full = self._key_buffer is None or end > self._key_buffer.shape[-2]
        if full or self._value_buffer is None or past < self._lent:
            # What was lent is left as it is by a sequence that was cropped into it.
            self._lent = self._lent if past >= self._lent else 0
            # The first buffer is sized for a question and an answer; a sequence that keeps growing doubles its room.
            capacity = end + max(self._room, past)
            self._key_buffer = _grown(self.keys, key_states, past, capacity)
            self._value_buffer = _grown(self.values, value_states, past, capacity)
        assert self._key_buffer is not None and self._value_buffer is not None
        self._key_buffer[..., past:end, :] = key_states
        self._value_buffer[..., past:end, :] = value_states
        self.keys = self._key_buffer[..., :end, :]
        self.values = self._value_buffer[..., :end, :]
        return self.keys, self.values

    def begin(self, keys: torch.Tensor, values: torch.Tensor, used: BufferLayer | None) -> None:
        """Begins with stored tokens, which are not written to.

        Args:
            keys: [1, kv_heads, tokens, head_dim]; copied with the first new token, unless ``used`` has them.
            values: The same of the values.
            used: A layer that began with the same tokens and is needed no more: its buffers are taken over.
        """
        self.lazy_initialization(keys, values)
        self.keys, self.values, self._lent = keys, values, keys.shape[-2]
        if used is not None and used.has(self._lent):
            self._key_buffer, self._value_buffer = used._key_buffer, used._value_buffer

    def has(self, tokens: int) -> bool:
        """Whether its buffers hold the stored tokens that it began with."""
        return self._key_buffer is not None and self._lent == tokens

    def stored(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The stored tokens, as views of its buffers."""
        assert self._key_buffer is not None and self._value_buffer is not None
        return self._key_buffer[..., : self._lent, :], self._value_buffer[..., : self._lent, :]


class Lender:
    """Lends stored keys and values to one sequence after another, without copying them for each.

    The first sequence copies them into buffers with room behind them. Once it is gone, these replace the stored
    tensors, and the next sequence writes its tokens over those of the one before it. Who comes while they are lent
    gets a copy of its own. The room, for a question and an answer, comes on top of the stored bytes.

    Args:
        layers: Keys and values of each layer; replaced, in place, by equal ones that have room behind them.
    """

    def __init__(self, layers: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
        self._layers = layers
        self._buffers: list[BufferLayer] = []
        self._borrower: weakref.ref[DynamicCache] | None = None
        self._lock = threading.Lock()

    def lend(self) -> DynamicCache:
        """A cache to continue from; it is given back when nobody holds it any more."""
        with self._lock:
            cache = DynamicCache()
            used: Sequence[BufferLayer | None] = [None] * len(self._layers)
            if self._borrower is None or self._borrower() is None:
                tokens = self._layers[0][0].shape[-2]
                if self._buffers and all(buffer.has(tokens) for buffer in self._buffers):
                    used = self._buffers
                    self._layers[:] = [buffer.stored() for buffer in self._buffers]
                self._borrower = weakref.ref(cache)
                self._buffers = buffers = [BufferLayer() for _ in self._layers]
            else:
                buffers = [BufferLayer() for _ in self._layers]
            for buffer, (keys, values), before in zip(buffers, self._layers, used, strict=True):
                buffer.begin(keys, values, before)
            cache.layers = list(buffers)
            return cache


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
