"""How z is written down: as coordinates, or as a few numbers that are looked up in the vocabulary.

As coordinates a vector needs about as many numbers as an embedding has. Most of what they say is which word is meant,
and sixteen numbers say that as surely: a soft token then is attention over the vocabulary with z as the query, the
first principal coordinates of the tokens as keys and their embeddings as values. Between two words z can still be
moved, so it is trained as any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch.nn import functional as F

from core.memory.config import MemoryConfig
from core.memory.projector import Basis, embedding_basis, first_z
from core.memory.prompt import ZPrompt

_NEAREST = 8
_FALL = 6.6
"""The attention of a word's nearest neighbour is exp(-6.6) of its own, in the median: a word keeps nearly all of it,
and the rest leaves z a gradient to move by."""
_SAMPLE = 1024
"""Tokens on which that median is taken."""
_READ_AT_ONCE = 32
"""Vectors that are looked up at once: their distances to the whole vocabulary take 6 MB."""
NO_WORD = -1
"""In the place of a token, where a vector names none."""
_MOST_KNOWN = 2
"""Vectors that are remembered, to the tokens of the vocabulary."""
_BLOCK = 192
"""Tokens of the vocabulary of which only the nearest is compared with those of other blocks."""


@dataclass(frozen=True)
class ZReading:
    """What is read off the Z of documents, every different vector once: most of them name a word that others name too.

    Attributes:
        coordinates: [U, width], of the U different vectors.
        words: [U], the token that each names; ``NO_WORD`` where it is empty or names none.
        rows: [N, m], which of them the vectors of each document are.
    """

    coordinates: torch.Tensor
    words: torch.Tensor
    rows: torch.Tensor

    def picked(self, documents: Sequence[int]) -> ZReading:
        """The reading of some documents."""
        used, rows = self.rows[list(documents)].unique(return_inverse=True)
        return ZReading(self.coordinates[used], self.words[used], rows)


class ZCodec:
    """Writes the first z of a document, and reads what is stored back into coordinates.

    Args:
        embeddings: The model's embedding table [vocabulary, hidden].
        config: Settings of the memory; ``m``, ``z_dim`` and ``vocabulary`` count here.
    """

    def __init__(self, embeddings: torch.Tensor, config: MemoryConfig) -> None:
        self._embeddings, self._config = embeddings.detach(), config
        self.width = embeddings.shape[1] if config.vocabulary else config.z_dim
        self._known: dict[bytes, bytes] = {}

    @cached_property
    def basis(self) -> Basis:
        """Where coordinates are taken: what projector and router are made for."""
        return embedding_basis(self._embeddings, self.width)

    def words(self, prompt: ZPrompt, text: str, idf: torch.Tensor) -> list[int]:
        """Tokens of a document that its z starts with, in their order.

        Looked up in the vocabulary, a blend of two words would be a third one: the most telling tokens are one vector
        each, and the rest is left out.

        Args:
            text: The document, title first.
            idf: [vocabulary], of the corpus.
        """
        if self._config.vocabulary:
            return prompt.telling(text, idf, self._config.m)
        return prompt.content(text, idf)

    def first(self, ids: Sequence[int]) -> torch.Tensor:
        """The z [m, z_dim] that a document with these ``words`` starts with.

        Raises:
            TesseraError: The document is empty.
        """
        return first_z(ids, self._embeddings, self.basis, self._config.m)[:, : self._config.z_dim].clone()

    def read(self, stored: torch.Tensor) -> torch.Tensor:
        """Coordinates [..., width] of what is stored [..., z_dim]; gradients pass."""
        return self.read_with_words(stored)[0]

    @torch.no_grad()
    def read_documents(self, stored: torch.Tensor) -> ZReading:
        """What is read off the Z [N, m, z_dim] of documents."""
        flat = stored.flatten(0, 1)
        if self._config.vocabulary:
            flat, rows = flat.unique(dim=0, return_inverse=True)
        else:  # vectors that name no word are all different
            rows = torch.arange(len(flat))
        return ZReading(*self.read_with_words(flat), rows.view(stored.shape[:2]))

    def read_with_words(self, stored: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """``read``, and the token [...] that each vector names: ``NO_WORD`` where it is empty or z names none."""
        if not self._config.vocabulary:
            return stored, torch.full(stored.shape[:-1], NO_WORD)
        flat = stored.reshape(-1, stored.shape[-1])
        parts = [self._look_up(part) for part in flat.split(_READ_AT_ONCE)]
        coordinates, words = (torch.cat(each) for each in zip(*parts, strict=True))
        return coordinates.reshape(*stored.shape[:-1], self.width), words.reshape(stored.shape[:-1])

    @cached_property
    def _keys(self) -> torch.Tensor:
        """[vocabulary, z_dim], the first coordinates of every token."""
        basis, z_dim = self.basis, self._config.z_dim
        table = self._embeddings.float().cpu()
        return (table - basis.mean) @ basis.components[:z_dim].T / basis.scale**2

    @cached_property
    def _sharpness(self) -> float:
        """The factor on squared distances under which attention falls by ``_FALL`` to the nearest neighbour."""
        sample = self._keys[:: max(1, len(self._keys) // _SAMPLE)]
        second = torch.cat([self._nearest(part, 2)[:, 1] for part in sample.split(_READ_AT_ONCE)])
        return _FALL / max(float((sample - self._keys[second]).square().sum(-1).median()), 1e-6)

    @cached_property
    def _blocks(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys [vocabulary, z_dim] and their squared lengths [vocabulary], padded to whole blocks with far ones."""
        missing = -len(self._keys) % _BLOCK
        squares = self._keys.square().sum(-1)
        return F.pad(self._keys, (0, 0, 0, missing)), F.pad(squares, (0, missing), value=float("inf"))

    @torch.no_grad()
    def _nearest(self, z: torch.Tensor, count: int) -> torch.Tensor:
        """The ``count`` tokens [n, count] nearest to z [n, z_dim], the nearest first.

        The ``count`` nearest tokens stand in the ``count`` blocks whose nearest tokens are nearest, so all others need
        not be sorted: a fifth of the time of sorting all.
        """
        keys, squares = self._blocks
        blocks = torch.addmm(squares, z, keys.T, alpha=-2).view(len(z), -1, _BLOCK)
        chosen = blocks.amin(-1).topk(min(count, blocks.shape[1]), largest=False).indices
        inside = blocks.gather(1, chosen[..., None].expand(-1, -1, _BLOCK)).flatten(1)
        best = inside.topk(count, largest=False).indices
        return chosen.gather(1, best // _BLOCK) * _BLOCK + best % _BLOCK

    def _near(self, z: torch.Tensor) -> torch.Tensor:
        """The tokens [n, up to ``_NEAREST``] of which vectors [n, z_dim] are blends; what was looked up is known again.

        Vectors that name words are few, and a question reads a hundred that were read when the memory was opened.
        """
        vectors = [vector.tobytes() for vector in z.cpu().numpy()]
        known = self._known  # another question may begin a new one meanwhile
        tokens = {vector: known[vector] for vector in vectors if vector in known}
        new = {vector: place for place, vector in enumerate(vectors) if vector not in tokens}
        if new:
            nearest = self._nearest(z[list(new.values())], min(_NEAREST, len(self._keys))).numpy()
            looked_up = {vector: row.tobytes() for vector, row in zip(new, nearest, strict=True)}
            if len(self._known) > _MOST_KNOWN * len(self._keys):  # a z that is trained is at a new place every time
                self._known = {}
            self._known |= looked_up
            tokens |= looked_up
        rows = np.frombuffer(b"".join(tokens[vector] for vector in vectors), dtype=np.int64)
        return torch.from_numpy(rows.reshape(len(vectors), -1).copy())

    def _look_up(self, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Coordinates [n, width] of z [n, z_dim], a softmax over its nearest tokens, and the nearest of these [n].

        A z of zeros stays the mean.
        """
        nearest = self._near(z.detach())
        near = self._keys[nearest]
        weights = (-self._sharpness * (z[:, None] - near).square().sum(-1)).softmax(-1)
        embedded = self._embeddings[nearest.to(self._embeddings.device)].float().cpu()
        read = self.basis.coordinates((weights[..., None] * embedded).sum(1))
        filled = z.detach().any(-1)
        return torch.where(filled[:, None], read, 0.0), torch.where(filled, nearest[:, 0], NO_WORD)
