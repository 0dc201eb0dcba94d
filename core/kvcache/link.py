"""Link tokens: between independent blocks and the exact prefill, to show what independence costs.

The first k tokens of every block are recomputed against the joined cache, where they attend to everything before them
(Hu et al., "EPIC", arXiv 2410.15332). With k = 0 the blocks stay independent; with k = the longest block the result is
the exact prefill. No method answers this way: the reader adapter is trained on independent blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from core.models.language_model import LanguageModel
from core.models.session import CHUNK_TOKENS


def link(lm: LanguageModel, cache: DynamicCache, ids: Sequence[int], positions: Sequence[int]) -> Iterator[int]:
    """Recomputes tokens of a joined cache in place; each attends to all tokens before it.

    Args:
        cache: Of a session from ``core.kvcache.compose.join``; its keys and values at ``positions`` are replaced.
        positions: Positions to recompute, ascending; see ``link_positions``.

    Yields:
        The number of tokens done, after every chunk.
    """
    for start in range(0, len(positions), CHUNK_TOKENS):
        part = positions[start : start + CHUNK_TOKENS]
        _recompute(lm, cache, ids, part)
        yield start + len(part)


def link_positions(head: int, lengths: Sequence[int], link_tokens: int) -> list[int]:
    """Positions of the first ``link_tokens`` tokens of every block but the first, which already follows the head.

    Args:
        head: Number of tokens of the head.
        lengths: Number of tokens of each block, in order.
        link_tokens: Tokens per block; capped at the block's length.
    """
    positions: list[int] = []
    start = head
    for number, tokens in enumerate(lengths):
        if number:
            positions += range(start, start + min(link_tokens, tokens))
        start += tokens
    return positions


def divergence(full: torch.Tensor, other: torch.Tensor) -> float:
    """KL(full || other) in nats of two next-token distributions, given as logits [vocabulary]."""
    p, q = full.float().log_softmax(0), other.float().log_softmax(0)
    return float((p.exp() * (p - q)).sum())


class _Overwriting(DynamicLayer):
    """A cache layer that overwrites keys and values at given positions and attends to the whole layer."""

    def __init__(self, layer: Any, positions: torch.Tensor) -> None:
        super().__init__()
        self.keys, self.values, self._positions = layer.keys, layer.values, positions
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Writes states [1, kv_heads, len(positions), head_dim]; returns the keys and values of all tokens."""
        keys, values = self.keys, self.values
        assert keys is not None and values is not None
        keys[:, :, self._positions] = key_states
        values[:, :, self._positions] = value_states
        return keys, values


@torch.inference_mode()
def _recompute(lm: LanguageModel, cache: DynamicCache, ids: Sequence[int], positions: Sequence[int]) -> None:
    at = torch.tensor(positions, device=lm.device)
    overwriting = DynamicCache()
    layers: list[Any] = cache.layers
    overwriting.layers = [_Overwriting(layer, at) for layer in layers]
    tokens = torch.tensor([ids[position] for position in positions], device=lm.device)
    decoder = lm.decoder()
    if decoder is not None:
        decoder.forward(lm.model.get_input_embeddings()(tokens), overwriting, positions=at)
        return
    lm.model(
        input_ids=tokens[None],
        attention_mask=(torch.arange(cache.get_seq_length(), device=lm.device) <= at[:, None])[None, None],
        position_ids=at[None],
        past_key_values=overwriting,
        use_cache=True,
        logits_to_keep=1,
    )
