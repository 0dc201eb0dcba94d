"""From z to soft tokens: a linear map with a scale gate, started as the basis in which z is written."""

from __future__ import annotations

import torch
from torch import nn

from core.memory.pool import Basis


class Projector(nn.Module):
    """x = gate * (W z) + b, with W started as the basis' components and b as the mean embedding.

    Args:
        z_dim: Numbers per z vector.
        hidden: Width of the language model.
    """

    def __init__(self, z_dim: int, hidden: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(z_dim, hidden))
        self.bias = nn.Parameter(torch.zeros(hidden))
        self.gate = nn.Parameter(torch.ones(()))

    @classmethod
    def from_basis(cls, basis: Basis) -> Projector:
        """A projector that turns coordinates in ``basis`` back into embeddings."""
        projector = cls(*basis.components.shape)
        with torch.no_grad():
            projector.weight.copy_(basis.components)
            projector.bias.copy_(basis.mean)
        return projector

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Soft tokens [..., hidden] of z [..., z_dim]."""
        return self.gate * (z @ self.weight) + self.bias
