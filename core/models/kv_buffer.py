"""A KV cache with spare capacity.

transformers' ``DynamicLayer`` concatenates, so every new token copies all keys and values of the sequence. Here new
tokens are written into a preallocated buffer, and attention gets a view of its filled part. Sequences that begin with
the same stored tokens share them as a prefix, which is copied on write.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

ROOM = 256
"""Spare capacity in tokens: enough for a question and an answer."""

Layers = Sequence[tuple[torch.Tensor, torch.Tensor]]
"""Keys and values of each layer, (1, n_kv_heads, T, head_dim)."""


class BufferLayer(DynamicLayer):
    """One layer: ``keys`` and ``values`` are views (1, n_kv_heads, T, head_dim) of larger buffers.

    Its first ``shared_len`` tokens may be shared with other sequences and are never overwritten.
    """

    def __init__(self, room: int = ROOM) -> None:
        super().__init__()
        self._room = room
        self.shared_len = 0
        self._key_buffer: torch.Tensor | None = None
        self._value_buffer: torch.Tensor | None = None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Appends keys and values (1, n_kv_heads, new, head_dim); returns views of all tokens."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        past = self.get_seq_length()
        end = past + key_states.shape[-2]
        full = self._key_buffer is None or end > self._key_buffer.shape[-2]
        if full or self._value_buffer is None or past < self.shared_len:
            # A sequence that was cropped into the shared prefix gets a copy of its own.
            self.shared_len = self.shared_len if past >= self.shared_len else 0
            # The first buffer has room for a question and an answer; later ones double in size.
            capacity = end + max(self._room, past)
            self._key_buffer = _grown(self.keys, key_states, past, capacity)
            self._value_buffer = _grown(self.values, value_states, past, capacity)
        assert self._key_buffer is not None and self._value_buffer is not None
        self._key_buffer[..., past:end, :] = key_states
        self._value_buffer[..., past:end, :] = value_states
        self.keys = self._key_buffer[..., :end, :]
        self.values = self._value_buffer[..., :end, :]
        return self.keys, self.values

    def padded(self, tokens: int) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Views of all tokens and of finite numbers behind them, ``tokens`` in all; None where there is no room."""
        if self._key_buffer is None or self._value_buffer is None or self._key_buffer.shape[-2] < tokens:
            return None
        return self._key_buffer[..., :tokens, :], self._value_buffer[..., :tokens, :]

    def share(self, keys: torch.Tensor, values: torch.Tensor, returned: BufferLayer | None) -> None:
        """Starts the layer with stored tokens as its shared prefix.

        Args:
            keys: (1, n_kv_heads, T, head_dim); copied on the first write, unless ``returned`` has them in its buffers.
            values: Same shape.
            returned: A layer with the same prefix that is no longer used; its buffers are reused.
        """
        self.lazy_initialization(keys, values)
        self.keys, self.values, self.shared_len = keys, values, keys.shape[-2]
        if returned is not None and returned.has_prefix(self.shared_len):
            self._key_buffer, self._value_buffer = returned._key_buffer, returned._value_buffer

    def has_prefix(self, tokens: int) -> bool:
        """Whether its buffers contain the shared prefix of ``tokens`` tokens."""
        return self._key_buffer is not None and self.shared_len == tokens

    def prefix(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The shared prefix, as views of its buffers."""
        assert self._key_buffer is not None and self._value_buffer is not None
        return self._key_buffer[..., : self.shared_len, :], self._value_buffer[..., : self.shared_len, :]


class BufferPool:
    """Lends stored keys and values to one sequence after another, without copying them for each.

    On its first write, the first sequence copies them into buffers with spare capacity. When that sequence is
    garbage-collected, its buffers replace the stored tensors, and the next sequence overwrites the tokens it had
    appended. A sequence that begins while the buffers are borrowed gets its own copy. The spare capacity comes on top
    of the stored bytes.

    Args:
        layers: Keys and values of each layer; replaced in place by equal tensors with spare capacity.
    """

    def __init__(self, layers: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
        self._layers = layers
        self._buffers: list[BufferLayer] = []
        self._borrower: weakref.ref[DynamicCache] | None = None
        self._lock = threading.Lock()

    def borrow(self) -> DynamicCache:
        """A cache to continue from; its buffers are returned when it is garbage-collected."""
        with self._lock:
            cache = DynamicCache()
            returned: Sequence[BufferLayer | None] = [None] * len(self._layers)
            if self._borrower is None or self._borrower() is None:
                tokens = self._layers[0][0].shape[-2]
                if self._buffers and all(buffer.has_prefix(tokens) for buffer in self._buffers):
                    returned = self._buffers
                    self._layers[:] = [buffer.prefix() for buffer in self._buffers]
                self._borrower = weakref.ref(cache)
                self._buffers = buffers = [BufferLayer() for _ in self._layers]
            else:
                buffers = [BufferLayer() for _ in self._layers]
            for buffer, (keys, values), before in zip(buffers, self._layers, returned, strict=True):
                buffer.share(keys, values, before)
            cache.layers = list(buffers)
            return cache


def new_buffer(layers: int, *parts: Layers) -> DynamicCache:
    """A cache of ``layers`` layers that starts with a copy of ``parts``, one after the other, or empty."""
    cache = DynamicCache()
    room = ROOM + sum(part[0][0].shape[-2] for part in parts[1:])
    buffers = [BufferLayer(room) for _ in range(layers)]
    for part in parts:
        for buffer, (keys, values) in zip(buffers, part, strict=True):
            buffer.update(keys, values)
    cache.layers = list(buffers)
    return cache


def _grown(old: torch.Tensor | None, like: torch.Tensor, filled: int, capacity: int) -> torch.Tensor:
    # Zeros, not empty memory: attention multiplies what stands behind the last token by 0, see ``padded``.
    buffer = like.new_zeros(*like.shape[:-2], capacity, like.shape[-1])
    if old is not None and filled:
        buffer[..., :filled, :] = old
    return buffer
