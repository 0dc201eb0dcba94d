"""Between tokens and z: the z that a document starts with, soft tokens, and the tokens that a z speaks of.

A document's first z needs no training: its distinctive tokens (see ``ZPrompt.content``) become one vector each, or a
blend of neighbours where there are more tokens than vectors, written in the basis of the embeddings' first principal
components. The projector starts as that basis, so a soft token starts as a word of the document.

The way back is the lexicon: the tokens nearest to the soft tokens are the document's own. Evidence is a sentence of the
document, made of these and of common tokens. A penalty on all others keeps a small model from drifting to words that it
knows better, without any training and without stored text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn
from torch.nn.functional import normalize

from core.errors import TesseraError
from core.memory.prompt import COMMON

_NEAREST = 2
"""Tokens read off one vector: a vector that blends two neighbours holds both."""
_VECTORS_AT_ONCE = 32
_CANDIDATES, _ROWS_AT_ONCE = 8, 4096


@dataclass(frozen=True)
class Basis:
    """Principal components of the token embeddings, scaled so that z has numbers of about unit size.

    Attributes:
        mean: [hidden], the mean embedding.
        components: [z_dim, hidden], orthogonal rows times ``scale``.
        scale: Root mean square of the embeddings along the components.
    """

    mean: torch.Tensor
    components: torch.Tensor
    scale: float

    def coordinates(self, vectors: torch.Tensor) -> torch.Tensor:
        """Coordinates [..., z_dim] of vectors [..., hidden] measured from the mean."""
        return (vectors - self.mean) @ self.components.T / self.scale**2


def embedding_basis(embeddings: torch.Tensor, z_dim: int) -> Basis:
    """The first ``z_dim`` principal components of an embedding table [vocabulary, hidden].

    Exact (from the covariance matrix) and therefore the same on every machine up to rounding. A z_dim above the
    hidden size is filled with zero rows.
    """
    table = embeddings.detach().to("cpu", torch.float32, copy=True)
    mean = table.mean(0)
    table -= mean  # in place: the table is large, and every copy of it would leave a hole in the heap
    values, vectors = torch.linalg.eigh(table.T @ table / (len(table) - 1))
    used = min(z_dim, table.shape[1])
    components = vectors.T.flip(0)[:used]
    # eigh leaves the signs open: fix them, or the same document would start elsewhere on another machine.
    signs = components.gather(1, components.abs().argmax(1, keepdim=True)).sign()
    scale = float(values.flip(0)[:used].clamp(min=0).mean().sqrt())
    rows = torch.zeros(z_dim, table.shape[1])
    rows[:used] = components * signs * scale
    return Basis(mean, rows, scale)


def token_idf(documents: Sequence[Sequence[int]], vocabulary: int) -> torch.Tensor:
    """Inverse document frequency [vocabulary] of token ids: log((n + 1) / (df + 1/2)), not below 0."""
    counts = torch.zeros(vocabulary)
    for ids in documents:
        counts[list(set(ids))] += 1
    return torch.log((len(documents) + 1) / (counts + 0.5)).clamp(min=0.0)


def first_z(ids: Sequence[int], embeddings: torch.Tensor, basis: Basis, m: int) -> torch.Tensor:
    """A document's first z [m, z_dim]: one of its distinctive tokens a vector, in the order of the text.

    With more tokens than vectors, neighbours are blended. A blend cannot be read by an untrained model, single tokens
    can: with as many vectors as tokens, training starts from a memory that already says something.

    Args:
        ids: Its distinctive tokens, title first; see ``ZPrompt.content``.
        embeddings: The embedding table [vocabulary, hidden].
        m: Number of vectors; what a short document does not fill stays 0, the mean embedding.

    Raises:
        TesseraError: The document is empty.
    """
    if not ids:
        raise TesseraError("An empty document cannot be remembered.", "Give it some text.")
    points = basis.coordinates(embeddings[torch.tensor(list(ids))].detach().float().cpu())
    z = torch.zeros(m, points.shape[1])
    if len(ids) <= m:
        z[: len(ids)] = points
        return z
    cuts = torch.linspace(0, len(ids), m + 1).round().long().tolist()
    for j, (start, end) in enumerate(pairwise(cuts)):
        # Divided by the root of the count, not by the count: the blend is then as long as one token's embedding.
        z[j] = points[start:end].sum(0) / (end - start) ** 0.5
    return z


class Projector(nn.Module):
    """x = gate * (W z) + b, with W started as the basis' components and b as the mean embedding."""

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


class Lexicon:
    """Finds the tokens nearest to soft tokens, and restricts evidence to them.

    Args:
        embeddings: The embedding table [vocabulary, hidden].
        idf: [vocabulary], of the corpus.
        always: Ids that are allowed whatever is read.
        product: Multiplies vectors [T, hidden] with the table, to [T, vocabulary]. A model has its head for that: a
            second table, of directions, would take as much memory again.
    """

    def __init__(
        self,
        embeddings: torch.Tensor,
        idf: torch.Tensor,
        always: Sequence[int],
        product: Callable[[torch.Tensor], torch.Tensor] | None = None,
    ) -> None:
        self._table = embeddings.detach()
        self._product = product or (lambda vectors: vectors @ self._table.T)
        parts = self._table.split(_ROWS_AT_ONCE)
        self._mean = torch.stack([part.sum(0, dtype=torch.float32) for part in parts]).sum(0) / len(self._table)
        self._lengths = torch.cat([(part.float() - self._mean).norm(dim=-1) for part in parts]).clamp(min=1e-12)
        self._common = (idf <= COMMON).to(embeddings.device)
        self._common[list(always)] = True

    def ids(self, soft: torch.Tensor) -> torch.Tensor:
        """Ids of the tokens nearest to soft tokens [T, hidden], without duplicates."""
        return self.nearest(soft).unique()

    def nearest(self, soft: torch.Tensor) -> torch.Tensor:
        """Ids [T, 2] of the two tokens nearest to each soft token [T, hidden], the nearer one first."""
        # Their similarities to the whole vocabulary take .6 MB each, which would leave holes in the heap.
        return torch.cat([self._nearest(part) for part in soft.split(_VECTORS_AT_ONCE)])

    def _nearest(self, soft: torch.Tensor) -> torch.Tensor:
        directions = normalize(soft.float() - self._mean, dim=-1)
        products = self._product(directions.to(self._table.dtype)).float()
        similar = (products - (directions @ self._mean)[:, None]) / self._lengths
        near = similar.topk(min(_CANDIDATES, len(self._table)), 1).indices
        # The model's number format decides who is a candidate, and all digits who is nearest.
        exact = (normalize(self._table[near].float() - self._mean, dim=-1) @ directions[..., None])[..., 0]
        return near.gather(1, exact.topk(_NEAREST, 1).indices)

    def bias(self, ids: torch.Tensor, penalty: float) -> torch.Tensor:
        """What is added to the logits [vocabulary]: nothing for ``ids`` and common tokens, -penalty for all others."""
        allowed = self._common.clone()
        allowed[ids] = True
        return torch.zeros(len(allowed), device=allowed.device).masked_fill(~allowed, -penalty)
