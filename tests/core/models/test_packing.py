"""Packed sequences see what they share and themselves."""

from __future__ import annotations

import torch

from core.models.packing import PADDING, SHARED, packing_mask


def seen(mask: torch.Tensor) -> list[str]:
    """What each token of one row sees, a string of 0 and 1 each."""
    return ["".join("1" if number == 0 else "0" for number in row) for row in mask[0, 0].tolist()]


def test_questions_see_what_they_share_and_themselves() -> None:
    mask = packing_mask(torch.tensor([[SHARED, SHARED, 1, 1, 2, PADDING]]), torch.float32)
    assert mask.shape == (1, 1, 6, 6)
    assert seen(mask) == ["100000", "110000", "111000", "111100", "110010", "110001"]


def test_the_mask_has_the_number_format_of_the_model() -> None:
    mask = packing_mask(torch.tensor([[SHARED, 1]]), torch.bfloat16)
    assert mask.dtype == torch.bfloat16
    assert mask.min() == torch.finfo(torch.bfloat16).min
