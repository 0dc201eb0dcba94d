"""Composing a cache from the blocks of single passages.

    head | passage | passage | ...          every passage computed behind the head alone, then moved to its place

What comes out equals a prefill in which passages cannot see each other and each counts its positions from the head (a
block-diagonal attention mask; Ma et al., "Block-Attention", arXiv 2409.15355), with the keys then moved to where the
passage stands. A passage cut out of a whole-cell cache is something else: it has read the passages before it.

**Link tokens** take the difference back: the first k tokens of every block are computed anew against the composed
cache, where they see all that stands before them (Hu et al., "EPIC", arXiv 2410.15332). With k = 0 blocks stay
independent, with k = the longest block the result is the exact prefill.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from core.kvcache.cell_file import Layers
from core.kvcache.shift import rotary_frequencies, shift_keys
from core.models.kv_buffer import new_buffer
from core.models.language_model import LanguageModel
from core.models.session import CHUNK_TOKENS


@dataclass(frozen=True)
class Block:
    """Keys and values of one passage that has seen the head and itself.

    Attributes:
        layers: Of each layer, [1, kv_heads, tokens, head_dim].
        start: Position its keys are rotated for.
    """

    layers: Layers
    start: int

    @property
    def tokens(self) -> int:
        """Its length."""
        return int(self.layers[0][0].shape[2])


def head_layers(lm: LanguageModel) -> Layers:
    """Keys and values of the head, which stands before all blocks."""
    session = lm.session()
    for _ in session.feed(lm.prompt.head):
        pass
    return cut(session.cache, 0, session.length)


def passage_block(lm: LanguageModel, head: Layers, ids: Sequence[int]) -> Block:
    """Computes one passage behind the head.

    Args:
        lm: The model.
        head: See ``head_layers``.
        ids: Tokens of the passage.
    """
    session = lm.session(new_buffer(len(head), head))
    start = session.length
    for _ in session.feed(ids):
        pass
    return Block(cut(session.cache, start, session.length), start)


def cut(cache: DynamicCache, first: int, last: int) -> Layers:
    """A copy of the tokens from ``first`` up to ``last``."""
    layers: list[Any] = cache.layers
    return [(layer.keys[:, :, first:last].clone(), layer.values[:, :, first:last].clone()) for layer in layers]


def join(lm: LanguageModel, head: Layers, blocks: Sequence[Block]) -> DynamicCache:
    """Head and blocks one behind the other, every block moved to its place; with room to go on."""
    deltas, place = [0] * head[0][0].shape[2], head[0][0].shape[2]
    for block in blocks:
        deltas += [place - block.start] * block.tokens
        place += block.tokens
    moved = any(deltas)
    frequencies = rotary_frequencies(lm) if moved else torch.empty(0)
    shifts = torch.tensor(deltas, device=lm.device)
    joined: Layers = []
    for layer, (head_keys, head_values) in enumerate(head):
        keys = torch.cat([head_keys, *(block.layers[layer][0] for block in blocks)], dim=2)
        values = torch.cat([head_values, *(block.layers[layer][1] for block in blocks)], dim=2)
        joined.append((shift_keys(keys, shifts, frequencies) if moved else keys, values))
    return new_buffer(len(joined), joined)


def link(lm: LanguageModel, cache: DynamicCache, ids: Sequence[int], places: Sequence[int]) -> Iterator[int]:
    """Computes tokens of a composed cache anew, in place, each seeing all that stands before it.

    Args:
        lm: The model.
        cache: From ``join``; its keys and values at ``places`` are replaced.
        ids: The tokens of the whole cache.
        places: Positions to compute, ascending; see ``link_places``.

    Yields:
        How many are done, after every chunk.
    """
    for start in range(0, len(places), CHUNK_TOKENS):
        part = places[start : start + CHUNK_TOKENS]
        _recompute(lm, cache, ids, part)
        yield start + len(part)


def link_places(head: int, lengths: Sequence[int], link_tokens: int) -> list[int]:
    """Positions of the first ``link_tokens`` tokens of every block but the first, which has nothing to be linked to.

    Args:
        head: Tokens of the head.
        lengths: Tokens of each block, in order.
        link_tokens: Tokens per block; more than a block has means all of it.
    """
    places: list[int] = []
    start = head
    for number, length in enumerate(lengths):
        if number:
            places += range(start, start + min(link_tokens, length))
        start += length
    return places


def divergence(full: torch.Tensor, other: torch.Tensor) -> float:
    """KL divergence in nats of two next-token distributions, given as logits [vocabulary]: KL(full || other)."""
    p, q = full.float().log_softmax(0), other.float().log_softmax(0)
    return float((p.exp() * (p - q)).sum())


class _Overwriting(DynamicLayer):
    """Lets attention write new keys and values over those at certain places, and see the whole layer."""

    def __init__(self, layer: Any, places: torch.Tensor) -> None:
        super().__init__()
        self.keys, self.values, self._places = layer.keys, layer.values, places
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Writes [1, kv_heads, len(places), head_dim]; returns all of the layer."""
        keys, values = self.keys, self.values
        assert keys is not None and values is not None
        keys[:, :, self._places] = key_states
        values[:, :, self._places] = value_states
        return keys, values


@torch.inference_mode()
def _recompute(lm: LanguageModel, cache: DynamicCache, ids: Sequence[int], places: Sequence[int]) -> None:
    positions = torch.tensor(places, device=lm.device)
    live = DynamicCache()
    layers: list[Any] = cache.layers
    live.layers = [_Overwriting(layer, positions) for layer in layers]
    tokens = torch.tensor([ids[place] for place in places], device=lm.device)
    decoder = lm.decoder()
    if decoder is not None:
        decoder.forward(lm.model.get_input_embeddings()(tokens), live, places=positions)
        return
    everywhere = torch.arange(cache.get_seq_length(), device=lm.device)
    lm.model(
        input_ids=tokens[None],
        attention_mask=(everywhere <= positions[:, None])[None, None],
        position_ids=positions[None],
        past_key_values=live,
        use_cache=True,
        logits_to_keep=1,
    )
