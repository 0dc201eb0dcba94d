"""Rotating cached keys to other positions.

RoPE rotates the pair of numbers (i, i + d/2) of a key at position p by the angle p * w_i (Su et al., "RoFormer", arXiv
2104.09864). Rotating it again by delta * w_i gives the key at position p + delta, so a block can be reused at another
position. Values carry no position and stay unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch

from core.errors import TesseraError

_GROWING = ("dynamic", "longrope")


def rotary_frequencies(model: Any) -> torch.Tensor:
    """The angles per position w [d/2] of a transformers model, in float64 on its device.

    Raises:
        TesseraError: The model has no rotary embedding, or its frequencies change with the sequence length.
    """
    rotary = getattr(model.get_decoder(), "rotary_emb", None)
    inv_freq = getattr(rotary, "inv_freq", None)
    if inv_freq is None or getattr(rotary, "rope_type", "default") in _GROWING:
        raise TesseraError(
            "The keys of this model cannot be moved: their positions are not a fixed rotation.",
            "Use whole-cell caches (the method cag_cell), which need no moving.",
        )
    # The model's attention scaling is left out of cos and sin: cached keys already contain that factor.
    return cast(torch.Tensor, inv_freq).to(model.device, torch.float64)


def block_offsets(lengths: Sequence[int]) -> torch.Tensor:
    """Offset of each token when blocks computed at the same position are placed one after the other.

    Returns:
        [total tokens] deltas for ``rotation``.
    """
    counts = torch.tensor([0, *lengths])
    return counts.cumsum(0)[:-1].repeat_interleave(counts[1:])


def rotation(deltas: torch.Tensor, inv_freq: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosine and sine of a rotation by ``deltas`` positions, the same for the keys of every layer.

    Args:
        deltas: [tokens] number of positions to move each token by; may be negative.
        inv_freq: See ``rotary_frequencies``.

    Returns:
        cos and sin, each [tokens, d/2].
    """
    angles = deltas.to(inv_freq)[:, None] * inv_freq
    return angles.cos().float(), angles.sin().float()


def rotate(keys: torch.Tensor, by: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """Rotates cached keys to other positions; differentiable.

    Args:
        keys: [..., tokens, head_dim], already rotated for their original positions.
        by: See ``rotation``.

    Returns:
        New keys of the same shape and dtype, computed in float32.
    """
    cos, sin = by
    half = cos.shape[-1]
    first, second, rest = keys[..., :half].float(), keys[..., half : 2 * half].float(), keys[..., 2 * half :]
    rotated = torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1).to(keys.dtype)
    return rotated if rest.shape[-1] == 0 else torch.cat([rotated, rest], dim=-1)
