"""The words that a z holds: what evidence may be made of.

Z starts as the embeddings of a document's telling tokens, so those tokens can be read off it again: they are the
nearest embeddings to its soft tokens. Evidence is a sentence of the document, and a sentence consists of telling tokens
and of common ones. A small model that says what it has read off z drifts to words it knows better; a penalty on all
other tokens keeps it to the document's own, without any training. Nothing but Z is needed: no text is kept.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn.functional import normalize

from core.memory.frame import COMMON

_NEAREST = 2
"""Tokens read off one vector: a vector that blends two neighbours holds both."""


class Lexicon:
    """Reads tokens off soft tokens.

    Args:
        table: The embedding table [vocabulary, hidden].
        idf: [vocabulary], of the corpus.
        always: Ids that may be said whatever is read.
    """

    def __init__(self, table: torch.Tensor, idf: torch.Tensor, always: Sequence[int]) -> None:
        numbers = table.detach().float()
        self._mean = numbers.mean(0)
        # In the model's own number format: where that is half as wide, the search takes half the time.
        self._directions = normalize(numbers - self._mean, dim=-1).to(table.dtype)
        self._common = (idf <= COMMON).to(table.device)
        self._common[list(always)] = True

    def ids(self, soft: torch.Tensor) -> torch.Tensor:
        """Ids that soft tokens [T, hidden] speak of, each once."""
        directions = normalize(soft.float() - self._mean, dim=-1).to(self._directions.dtype)
        return (directions @ self._directions.T).topk(_NEAREST, 1).indices.unique()

    def bias(self, ids: torch.Tensor, penalty: float) -> torch.Tensor:
        """What is added to the logits [vocabulary]: nothing for ``ids`` and common tokens, -penalty for all others."""
        allowed = self._common.clone()
        allowed[ids] = True
        return torch.zeros(len(allowed), device=allowed.device).masked_fill(~allowed, -penalty)
