"""Z: m vectors for every document, and how a document gives its own first z.

A document's first z needs no training: its telling tokens (see ``Frame.content``) become one vector each, or a blend
of neighbours where there are more tokens than vectors, written in the basis of the embeddings' first principal
components. The projector starts as that basis, so a soft token starts as a word of the document.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch

from core.errors import TesseraError


@dataclass(frozen=True)
class MemoryPool:
    """Z and whose rows they are.

    Attributes:
        ids: Passage id of every row.
        titles: Title of every row, for display.
        z: [N, m, z_dim], float32.
    """

    ids: tuple[str, ...]
    titles: tuple[str, ...]
    z: torch.Tensor

    def row(self, passage_id: str) -> int:
        """Row of a document.

        Raises:
            TesseraError: The memory does not hold it.
        """
        try:
            return self.ids.index(passage_id)
        except ValueError:
            raise TesseraError(f"The memory holds no document {passage_id!r}.", "Learn it first.") from None

    def with_row(self, passage_id: str, title: str, z: torch.Tensor) -> MemoryPool:
        """A pool with one more document; the other rows keep their bits.

        Args:
            passage_id: Id that the pool does not hold yet.
            title: For display.
            z: [m, z_dim].

        Raises:
            TesseraError: The id is taken.
        """
        if passage_id in self.ids:
            raise TesseraError(f"The memory already holds {passage_id!r}.", "Forget it first, or edit it.")
        grown = torch.cat([self.z, z[None].to(self.z)])
        return replace(self, ids=(*self.ids, passage_id), titles=(*self.titles, title), z=grown)

    def with_other(self, passage_id: str, title: str, z: torch.Tensor) -> MemoryPool:
        """A pool in which one document has another z [m, z_dim] and title; the other rows keep their bits and places.

        Raises:
            TesseraError: The memory does not hold it.
        """
        row = self.row(passage_id)
        titles = (*self.titles[:row], title, *self.titles[row + 1 :])
        changed = self.z.clone()
        changed[row] = z.to(self.z)
        return replace(self, titles=titles, z=changed)

    def without_row(self, passage_id: str) -> MemoryPool:
        """A pool that has forgotten one document.

        Raises:
            TesseraError: The memory does not hold it.
        """
        gone = self.row(passage_id)
        keep = [row for row in range(len(self.ids)) if row != gone]
        return MemoryPool(tuple(self.ids[i] for i in keep), tuple(self.titles[i] for i in keep), self.z[keep].clone())


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
    table = embeddings.detach().float().cpu()
    mean = table.mean(0)
    covariance = torch.cov((table - mean).T)
    values, vectors = torch.linalg.eigh(covariance)
    kept = min(z_dim, table.shape[1])
    components = vectors.T.flip(0)[:kept]
    # eigh leaves the signs open: fix them, or the same document would start elsewhere on another machine.
    signs = components.gather(1, components.abs().argmax(1, keepdim=True)).sign()
    scale = float(values.flip(0)[:kept].clamp(min=0).mean().sqrt())
    rows = torch.zeros(z_dim, table.shape[1])
    rows[:kept] = components * signs * scale
    return Basis(mean, rows, scale)


def token_idf(documents: Sequence[Sequence[int]], vocabulary: int) -> torch.Tensor:
    """Inverse document frequency [vocabulary] of token ids: log((n + 1) / (df + 1/2)), not below 0."""
    counts = torch.zeros(vocabulary)
    for ids in documents:
        counts[list(set(ids))] += 1
    return torch.log((len(documents) + 1) / (counts + 0.5)).clamp(min=0.0)


def first_z(ids: Sequence[int], embeddings: torch.Tensor, basis: Basis, m: int) -> torch.Tensor:
    """A document's first z [m, z_dim]: one of its telling tokens a vector, in the order of the text.

    With more tokens than vectors, neighbours are blended. A blend cannot be read by an untrained model, single tokens
    can: with as many vectors as tokens, training starts from a memory that already says something.

    Args:
        ids: Its telling tokens, title first; see ``Frame.content``.
        embeddings: The embedding table [vocabulary, hidden].
        basis: Where coordinates are taken.
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
