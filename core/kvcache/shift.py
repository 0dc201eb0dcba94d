"""Moving keys to other positions.

A rotary embedding turns the pair of numbers (i, i + d/2) of a key at position p by the angle p * w_i (Su et al.,
"RoFormer", arXiv 2104.09864). Turning it once more by delta * w_i therefore gives the key at p + delta: what was
computed at one place can be used at another. Values carry no position and stay as they are.
"""

from __future__ import annotations

import torch

from core.errors import TesseraError
from core.models.language_model import LanguageModel

_GROWING = ("dynamic", "longrope")


def rotary_frequencies(lm: LanguageModel) -> torch.Tensor:
    """Angles per position w [d/2] in float64, on the model's device.

    Raises:
        TesseraError: The model has no rotary embedding, or one whose frequencies change with the length.
    """
    rotary = getattr(lm.model.get_decoder(), "rotary_emb", None)
    frequencies = getattr(rotary, "inv_freq", None)
    if frequencies is None or getattr(rotary, "rope_type", "default") in _GROWING:
        raise TesseraError(
            f"The keys of {lm.identity.name} cannot be moved: their positions are not a fixed rotation.",
            "Use whole-cell caches (the method cag), which need no moving.",
        )
    # cos and sin are made here without the model's attention scaling: keys carry that factor already.
    return frequencies.to(lm.device, torch.float64)


def shift_keys(keys: torch.Tensor, deltas: torch.Tensor, frequencies: torch.Tensor) -> torch.Tensor:
    """Keys as they would be at other positions.

    Args:
        keys: [..., tokens, head_dim], rotated for the positions they were computed at.
        deltas: [tokens] positions to move each of them by; may be negative.
        frequencies: See ``rotary_frequencies``.

    Returns:
        New keys of the same shape and dtype; rounded once.
    """
    angles = deltas.to(frequencies)[:, None] * frequencies
    cos, sin = angles.cos().float(), angles.sin().float()
    half = frequencies.shape[0]
    first, second, rest = keys[..., :half].float(), keys[..., half : 2 * half].float(), keys[..., 2 * half :]
    turned = torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1).to(keys.dtype)
    return turned if rest.shape[-1] == 0 else torch.cat([turned, rest], dim=-1)
