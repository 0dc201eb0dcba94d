"""Several passages, each read alone by the same question: one cache, one pass.

    head | passage | passage | passage | tail | tail | tail

Every passage stands right behind the head, and every copy of the question attends to the head, one passage and itself,
with the positions of a prompt that has this passage only. So each reading equals that of such a prompt, whether the
passages were prefilled now or come from stored blocks, whose keys need no rotation. The first tokens of the readings
are compared and the answer is decoded from one of them: the largest term of the sum over passages in RAG-Sequence
(Lewis et al., arXiv 2005.11401), with a fixed price for the rank of a passage in the place of its probability.

A small model reads one passage better than the same one beside two others, see docs/caches.md. What it cannot do this
way is answer from two passages at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

import torch
from transformers import DynamicCache

from core.errors import ModelError
from core.messages import message
from core.models.kv_buffer import new_buffer
from core.models.language_model import LanguageModel
from core.models.packing import packed
from core.models.session import CHUNK_TOKENS, Session

RANK_PRICE = 0.5
"""By how many nats the first token of a passage's answer must be likelier than that of the passage found before it."""


class SideBySide:
    """Passages behind one head that do not see each other.

    Args:
        passages: Token ids of each passage, the one found first in front.
        cache: Keys and values of the head and all passages, each at the positions right behind the head; None if they
            are still to be prefilled.

    Attributes:
        count: Number of passages.
        length: Tokens of the head and all passages.
        missing: Of these, the tokens that are still to be prefilled.
        chosen: Number of the passage that the last question was answered from, from 0 on.
    """

    def __init__(self, lm: LanguageModel, passages: Sequence[Sequence[int]], cache: DynamicCache | None = None) -> None:
        self._lm, self._head, self._passages = lm, lm.prompt.head, passages
        self._cache = new_buffer(lm.model.config.num_hidden_layers) if cache is None else cache
        self._lengths = [len(self._head), *map(len, passages)]
        # Which passage each token of the cache belongs to, from 1 on; the head is ``SHARED``.
        self._owners = torch.arange(len(self._lengths)).repeat_interleave(torch.tensor(self._lengths))
        self.count, self.length = len(passages), len(self._owners)
        self.missing = self.length if cache is None else 0
        self.chosen = 0

    def prefill_steps(self) -> Iterator[int]:
        """Prefills the head and the passages if they are missing; yields the tokens done after every chunk."""
        ids = [*self._head, *(token for passage in self._passages for token in passage)]
        starts = [0, *(len(self._head) for _ in self._passages)]
        at = [start + offset for start, length in zip(starts, self._lengths, strict=True) for offset in range(length)]
        for begin in range(0, self.missing, CHUNK_TOKENS):
            chunk = slice(begin, begin + CHUNK_TOKENS)
            self._append(ids[chunk], at[chunk], self._owners[: begin + CHUNK_TOKENS], [-1])
            yield min(begin + CHUNK_TOKENS, len(ids))
        self.missing = 0

    def ask(self, tail: Sequence[int]) -> Session:
        """Reads a question with every passage; once only. What is still missing is prefilled first.

        Args:
            tail: Token ids of the question, see ``Prompt.tail``.

        Returns:
            A session over the head, the passage that answers best (the first if all of them decline), and the question.

        Raises:
            ModelError: The longest reading would outgrow the model's context.
        """
        longest = len(self._head) + max(self._lengths[1:]) + len(tail)
        if longest > self._lm.max_context:
            raise ModelError(
                message(
                    "The prompt has {n:,} tokens, but the model takes {most:,}.", n=longest, most=self._lm.max_context
                ),
                "Make the passages shorter.",
            )
        if self.missing:
            for _ in self.prefill_steps():
                pass
        count = self.count
        at = [len(self._head) + length + offset for length in self._lengths[1:] for offset in range(len(tail))]
        owners = torch.cat([self._owners, torch.arange(1, count + 1).repeat_interleave(len(tail))])
        ends = [len(tail) * (number + 1) - 1 for number in range(count)]
        logits = self._append([*tail] * count, at, owners, ends)
        best = self.chosen = self._best(logits)
        session = self._lm.session(self._alone(best, len(tail)), [*self._head, *self._passages[best], *tail])
        session.logits = logits[best]
        return session

    def _best(self, logits: torch.Tensor) -> int:
        likely, first = logits.float().log_softmax(dim=-1).max(dim=-1)
        price = RANK_PRICE * torch.arange(len(logits), device=logits.device)
        declines = first == self._lm.prompt.declining
        worth = (likely - price).masked_fill(declines, float("-inf"))
        return 0 if bool(declines.all()) else int(worth.argmax())

    @torch.inference_mode()
    def _append(
        self, ids: Sequence[int], positions: Sequence[int], owners: torch.Tensor, rows: Sequence[int]
    ) -> torch.Tensor:
        """Appends tokens to the cache; returns the logits [rows, vocabulary] after some of them.

        Args:
            owners: [total] of all tokens of the cache, the new ones included.
        """
        device, seen = self._lm.device, packed(owners[None])[0, len(owners) - len(ids) :]
        tokens, at = torch.tensor(ids, device=device), torch.tensor(positions, device=device)
        decoder = self._lm.decoder()
        if decoder is not None:
            embedded = self._lm.model.get_input_embeddings()(tokens)
            return decoder.forward(embedded, self._cache, rows, at, seen.to(device))
        output = self._lm.model(
            input_ids=tokens[None],
            attention_mask=seen[None, None].to(device),
            position_ids=at[None],
            past_key_values=self._cache,
            use_cache=True,
        )
        logits: torch.Tensor = output.logits[0, list(rows)]
        return logits

    def _alone(self, number: int, tail: int) -> DynamicCache:
        """A copy of the head, one passage and its question."""
        ends = list(accumulate(self._lengths))
        layers: list[Any] = self._cache.layers
        bounds = (
            (0, ends[0]),
            (ends[number], ends[number + 1]),
            (self.length + number * tail, self.length + (number + 1) * tail),
        )
        parts = [
            [(layer.keys[..., first:last, :], layer.values[..., first:last, :]) for layer in layers]
            for first, last in bounds
        ]
        return new_buffer(len(layers), *parts)
