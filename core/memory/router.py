"""The model's own router: hidden states of the question against keys made from Z, with a null slot.

Late interaction (ColBERT; Khattab & Zaharia 2020): every token of the question looks for its best match among a
document's m keys, and the matches are averaged with the tokens' idf as weights. A word that stands in several casings
counts as the one that matches best, and weighs as much as the most common one. A token is described by its embedding
beside its hidden state after a lower layer of the memory's language model. Keys are a linear map of z, so a new
document can be found as soon as it has a z. The null slot is a learned similarity that a document has to beat.
Words that z spells count beside the keys, see ``core.memory.routing_index``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.functional import dropout, normalize
from transformers import PreTrainedModel

from core.memory.document_keys import DocumentKeys
from core.memory.projector import Basis
from core.models.kv_buffer import new_buffer
from core.models.llama_decoder import LlamaDecoder

Casings = Sequence[Sequence[int]]
"""A word's ids in each casing that is looked for."""
DROPOUT = 0.1
_BELOW = -2.0
"""Below every similarity."""


@dataclass(frozen=True)
class Routed:
    """A document chosen by the router.

    Attributes:
        weight: Its softmax weight, the null slot included in the sum.
    """

    passage_id: str
    weight: float


@dataclass(frozen=True)
class Routing:
    """The routing of a question.

    Attributes:
        documents: Best first.
        null: Weight of "not in memory".
    """

    documents: tuple[Routed, ...]
    null: float

    @property
    def knows(self) -> bool:
        """Whether the best document weighs more than the null slot."""
        return bool(self.documents) and self.documents[0].weight > self.null


class Router(nn.Module):
    """Scores documents by the best match of each question token.

    Args:
        dim: Width of queries and keys.
        idf: [vocabulary], weights of question tokens.
    """

    idf: torch.Tensor

    def __init__(self, hidden: int, z_dim: int, dim: int, idf: torch.Tensor) -> None:
        super().__init__()
        self.lexical = nn.Parameter(torch.zeros(hidden, dim))
        self.contextual = nn.Parameter(torch.zeros(hidden, dim))
        self.mean = nn.Parameter(torch.zeros(hidden), requires_grad=False)
        self.key = nn.Parameter(torch.zeros(z_dim, dim))
        self.log_temperature = nn.Parameter(torch.tensor(3.0))
        self.null = nn.Parameter(torch.tensor(0.4))
        self.register_buffer("idf", idf.float())

    @classmethod
    def from_basis(cls, basis: Basis, dim: int, idf: torch.Tensor) -> Router:
        """A router that starts by matching words: both sides are coordinates in ``basis``."""
        z_dim, hidden = basis.components.shape
        router = cls(hidden, z_dim, dim, idf)
        used = min(dim, z_dim)
        with torch.no_grad():
            router.mean.copy_(basis.mean)
            router.lexical[:, :used] = basis.components.T[:, :used] / basis.scale**2
            router.key[:used, :used] = torch.eye(used)
        return router

    def keys(self, z: torch.Tensor) -> torch.Tensor:
        """Unit keys [..., dim] of z [..., z_dim]."""
        return normalize(z @ self.key, dim=-1)

    def similarity(self, question: QuestionStates, keys: DocumentKeys) -> torch.Tensor:
        """Weighted mean over the words of their best casings' best matches, [batch, N], in [-1, 1]."""
        states = (question.embedded - self.mean) @ self.lexical + question.contextual @ self.contextual
        if self.training:
            states = dropout(states, DROPOUT)
        queries = normalize(states, dim=-1)
        weights = (self.idf[question.ids] + 1e-3) * question.mask
        matches, weights = _of_best_casings(keys.best(queries), weights, question)
        return torch.einsum("bwn,bw->bn", matches, weights / weights.sum(1, keepdim=True))

    def logits(self, similarity: torch.Tensor) -> torch.Tensor:
        """[batch, N + 1]; the last column is the null slot."""
        null = self.null.expand(len(similarity), 1)
        return torch.cat([similarity, null], 1) * self.log_temperature.exp()


def _of_best_casings(
    best: torch.Tensor, weights: torch.Tensor, question: QuestionStates
) -> tuple[torch.Tensor, torch.Tensor]:
    """From tokens to words.

    Args:
        best: [batch, T, N], every token's best match.
        weights: [batch, T], of the tokens; 0 for padding.
        question: Says which token belongs to which casing of which word.

    Returns:
        Matches [batch, T, N] and weights [batch, T] of the words, of which there are at most T; the rest weigh 0.
    """

    def spread(index: torch.Tensor) -> torch.Tensor:
        return index[..., None].expand_as(best)

    weight = torch.zeros_like(weights).scatter_add(1, question.casing, weights)
    match = torch.zeros_like(best).scatter_add(1, spread(question.casing), best * weights[..., None])
    match = match / weight.clamp(min=1e-9)[..., None]
    owner = torch.zeros_like(question.word).scatter(1, question.casing, question.word)
    present = weight > 0
    matches = torch.full_like(best, _BELOW).scatter_reduce(
        1, spread(owner), match.masked_fill(~present[..., None], _BELOW), "amax"
    )
    lightest = torch.full_like(weights, torch.inf).scatter_reduce(
        1, owner, weight.masked_fill(~present, torch.inf), "amin"
    )
    return matches, lightest.masked_fill(lightest.isinf(), 0.0)


@dataclass(frozen=True)
class QuestionStates:
    """The router's input for a batch of questions, padded on the right.

    Attributes:
        ids: [batch, T].
        mask: [batch, T], 1 for tokens.
        casing: [batch, T], which casing a token belongs to, counted through the question; 0 for padding.
        word: [batch, T], which word that is a casing of; 0 for padding.
        embedded: [batch, T, hidden], token embeddings.
        contextual: [batch, T, hidden], hidden states after a lower layer, each scaled to unit mean square.
    """

    ids: torch.Tensor
    mask: torch.Tensor
    casing: torch.Tensor
    word: torch.Tensor
    embedded: torch.Tensor
    contextual: torch.Tensor

    @property
    def tensors(self) -> tuple[torch.Tensor, ...]:
        """All of them, in the order in which they are given."""
        return self.ids, self.mask, self.casing, self.word, self.embedded, self.contextual

    def cpu(self) -> QuestionStates:
        """The same states where the router computes."""
        return QuestionStates(*(tensor.cpu() for tensor in self.tensors))

    def select(self, rows: Sequence[int]) -> QuestionStates:
        """Some of the questions."""
        index = torch.tensor(list(rows))
        return QuestionStates(*(tensor[index] for tensor in self.tensors))


class QuestionReader:
    """Runs questions through the lower layers of a model, without copying it.

    Args:
        layer: Layers to run.
        opening: Id put first and dropped again: a decoder's first token collects attention, whatever it is.
        fast: Gives the fast forward pass of the model, where there is one.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        layer: int,
        opening: int,
        fast: Callable[[], LlamaDecoder | None] = lambda: None,
    ) -> None:
        decoder: Any = model.base_model
        lower = copy.copy(decoder)
        # A shallow copy shares its table of submodules: give it one of its own before cutting layers off.
        lower._modules = dict(decoder._modules)
        lower.layers = decoder.layers[:layer]
        lower.norm = nn.Identity()
        self._lower, self._layer, self._opening, self._fast = lower, layer, opening, fast

    @torch.no_grad()
    def read(self, questions: Sequence[Sequence[Casings]]) -> QuestionStates:
        """States of questions given as words; an empty question counts as its opening token."""
        flat = [_flat(words or [[[self._opening]]]) for words in questions]
        device = self._lower.embed_tokens.weight.device
        width = max(len(tokens) for tokens, _, _ in flat)
        ids = torch.full((len(flat), width + 1), self._opening, device=device)
        mask = torch.zeros(len(flat), width, device=device)
        casing, word = (torch.zeros(len(flat), width, dtype=torch.long, device=device) for _ in range(2))
        for row, (tokens, casings, words) in enumerate(flat):
            ids[row, 1 : len(tokens) + 1] = torch.tensor(tokens, device=device)
            mask[row, : len(tokens)] = 1
            casing[row, : len(tokens)] = torch.tensor(casings, device=device)
            word[row, : len(tokens)] = torch.tensor(words, device=device)
        hidden = self._states(ids)[:, 1:].float()
        hidden = hidden / hidden.square().mean(-1, keepdim=True).sqrt().clamp(min=1e-6)
        embedded = self._lower.embed_tokens(ids[:, 1:]).float()
        return QuestionStates(ids[:, 1:], mask, casing, word, embedded, hidden).cpu()

    def _states(self, ids: torch.Tensor) -> torch.Tensor:
        """Hidden states [batch, T, hidden] of ids [batch, T] after the lower layers."""
        decoder = self._fast()
        if decoder is None:
            states: torch.Tensor = self._lower(input_ids=ids, use_cache=False).last_hidden_state
            return states
        n = self._layer
        return torch.stack([decoder.states(row, new_buffer(n), n) for row in self._lower.embed_tokens(ids)])


def _flat(words: Sequence[Casings]) -> tuple[list[int], list[int], list[int]]:
    """Ids of all casings of all words, one after the other, and of each the number of its casing and of its word."""
    flat = [(ids, number) for number, casings in enumerate(words) for ids in casings]
    tokens = [(token, casing, word) for casing, (ids, word) in enumerate(flat) for token in ids]
    ids, casings, numbers = zip(*tokens, strict=True)
    return list(ids), list(casings), list(numbers)
