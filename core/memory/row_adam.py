"""Adam for a table of which each step touches only a few rows: the other rows keep their bits."""

from __future__ import annotations

import torch


class RowAdam:
    """Adam (Kingma & Ba 2015) with moments and bias correction counted per row.

    Args:
        table: [N, ...], updated in place.
        betas: Decay of the two moments.
        eps: Added to the root of the second moment.
    """

    def __init__(self, table: torch.Tensor, betas: tuple[float, float] = (0.9, 0.99), eps: float = 1e-8) -> None:
        self.table = table
        self.first = torch.zeros_like(table)
        self.second = torch.zeros_like(table)
        self.count = torch.zeros(len(table))
        self._betas, self._eps = betas, eps

    @torch.no_grad()
    def update(self, rows: torch.Tensor, gradient: torch.Tensor, rate: float) -> None:
        """One step for distinct ``rows`` [k] with their gradients [k, ...]."""
        one, two = self._betas
        self.count[rows] += 1
        shape = (-1, *[1] * (self.table.dim() - 1))
        count = self.count[rows].view(shape)
        first = self.first[rows] * one + gradient * (1 - one)
        second = self.second[rows] * two + gradient.square() * (1 - two)
        self.first[rows], self.second[rows] = first, second
        step = (first / (1 - one**count)) / ((second / (1 - two**count)).sqrt() + self._eps)
        self.table[rows] -= rate * step

    def state(self) -> dict[str, torch.Tensor]:
        """Moments and counts by name."""
        return {"first": self.first, "second": self.second, "count": self.count}

    def restore(self, tensors: dict[str, torch.Tensor]) -> None:
        """Puts saved moments back."""
        self.first.copy_(tensors["first"])
        self.second.copy_(tensors["second"])
        self.count.copy_(tensors["count"])
