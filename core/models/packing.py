"""Attention mask for several sequences packed into one row.

    shared | question | question | padding

Packed questions share the prefix before them and do not attend to each other, so each gets the loss and the logits of a
separate sequence. Passages that are read independently, as cached blocks are, are packed the same way.
"""

from __future__ import annotations

import torch

PADDING, SHARED = -1, 0


def packed(segments: torch.Tensor) -> torch.Tensor:
    """Whether a token (row) attends to another (column), [batch, T, T]; see ``packing_mask``."""
    query, key = segments[:, :, None], segments[:, None, :]
    return ((query == key) | (key == SHARED)).tril()


def packing_mask(segments: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """The additive attention mask: a token attends to earlier tokens of its own segment and of the shared one.

    Args:
        segments: [batch, T] segment of each token: ``SHARED``, a number from 1 on, or ``PADDING``.

    Returns:
        [batch, 1, T, T], 0 where a token (row) attends to another (column), else the dtype's minimum.
    """
    sees = packed(segments)
    return torch.zeros(sees.shape, dtype=dtype).masked_fill(~sees, torch.finfo(dtype).min)[:, None]
