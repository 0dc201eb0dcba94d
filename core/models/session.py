"""One sequence under way: tokens are fed into a KV cache, and decoded from it.

Both are generators, chunk by chunk and token by token: closing one stops the model after the step it is in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from transformers import DynamicCache

from core.errors import ModelError
from core.models.drafting import draft

if TYPE_CHECKING:
    from core.models.language_model import LanguageModel

CHUNK_TOKENS = 512
DRAFTED_TOKENS = 4
"""Guessed tokens that are checked in one pass, where they and the one they follow are as cheap as that one alone."""


class Session:
    """One sequence under way: its KV cache and the logits after its last token.

    Attributes:
        cache: Keys and values of all tokens fed so far, one layer each [1, kv_heads, length, head_dim].
        logits: [vocabulary] after the last token; None before the first.
    """

    def __init__(self, lm: LanguageModel, cache: DynamicCache, ids: Sequence[int] = ()) -> None:
        self._lm = lm
        self._decoder = lm.decoder()
        self._guesses = DRAFTED_TOKENS if self._decoder is not None and self._decoder.cheap_rows else 0
        self._seen = list(ids)
        self.cache = cache
        self.logits: torch.Tensor | None = None

    @property
    def length(self) -> int:
        """Tokens in the cache."""
        return int(self.cache.get_seq_length())

    def feed(self, ids: Sequence[int], chunk: int = CHUNK_TOKENS) -> Iterator[int]:
        """Appends tokens; yields how many of them are in, after every chunk.

        Raises:
            ModelError: The sequence would outgrow the model's context.
        """
        self._require_room(len(ids))
        for start in range(0, len(ids), chunk):
            part = ids[start : start + chunk]
            self._append(part)
            yield start + len(part)

    def feed_embeddings(self, embeddings: torch.Tensor) -> None:
        """Appends soft tokens [T, hidden] in place of token embeddings.

        Raises:
            ModelError: The sequence would outgrow the model's context.
        """
        self._require_room(len(embeddings))
        with torch.inference_mode():
            for part in embeddings.to(self._lm.device, self._lm.dtype).split(CHUNK_TOKENS):
                self.logits = self._forward(part)[-1]

    def decode(self, max_new_tokens: int, stop: bool = True, bias: torch.Tensor | None = None) -> Iterator[int]:
        """Greedy decoding; yields each token as soon as it is known.

        Tokens that the text suggests are checked several at once (see ``core.models.drafting``), which changes their
        pace and not what they are. All but the last one are in the cache when decoding ends.

        Args:
            max_new_tokens: Longest answer.
            stop: Whether a stop id ends it.
            bias: [vocabulary], added to the logits before each choice.

        Raises:
            ModelError: Nothing has been fed yet.
        """
        if self.logits is None:
            raise ModelError("There is nothing to continue: no token has been fed.", "Feed the prompt first.")
        stops = self._lm.stop_ids if stop else frozenset()
        ready = _chosen(self.logits[None], bias)
        for left in range(max_new_tokens, 0, -1):
            token = ready.pop(0)
            if token in stops:
                return
            yield token
            if not ready and left > 1:
                ready = self._advance(token, left - 1, stops, bias)

    def _advance(self, token: int, most: int, stops: frozenset[int], bias: torch.Tensor | None) -> list[int]:
        """Appends a token and what was guessed right behind it; these, and the token that follows, at most ``most``."""
        room = min(self._guesses, most - 1, self._lm.max_context - self.length - 1)
        guessed = draft([*self._seen, token], room)
        stop = next((place for place, guess in enumerate(guessed) if guess in stops), len(guessed))
        fed = [token, *guessed[:stop]]
        logits = self._run(fed)
        chosen = _chosen(logits, bias)
        right = 0
        while right + 1 < len(fed) and fed[right + 1] == chosen[right]:
            right += 1
        self.cache.crop(right + 1 - len(fed))
        self._seen += fed[: right + 1]
        self.logits = logits[right]
        return chosen[: right + 1]

    def _require_room(self, more: int) -> None:
        if self.length + more > self._lm.max_context:
            raise ModelError(
                f"The prompt has {self.length + more:,} tokens, but the model takes {self._lm.max_context:,}.",
                "Put fewer passages in the prompt, make the cells smaller, or read fewer z at once.",
            )

    def _append(self, ids: Sequence[int]) -> None:
        self.logits = self._run(ids, 1)[-1]
        self._seen += ids

    @torch.inference_mode()
    def _run(self, ids: Sequence[int], last: int = 0) -> torch.Tensor:
        """Logits [last, vocabulary] after the last of these tokens; after each of them when ``last`` is 0."""
        embed = self._lm.model.get_input_embeddings()
        return self._forward(embed(torch.tensor(ids, device=self._lm.device)), last or len(ids))

    def _forward(self, embeddings: torch.Tensor, last: int = 1) -> torch.Tensor:
        if self._decoder is not None:
            return self._decoder.forward(embeddings, self.cache, last)
        past, width = self.length, len(embeddings)
        # Positions and mask are spelled out: with only the new tokens given, they cannot be guessed from the cache.
        output = self._lm.model(
            inputs_embeds=embeddings[None],
            attention_mask=torch.ones(1, past + width, dtype=torch.long, device=self._lm.device),
            position_ids=torch.arange(past, past + width, device=self._lm.device)[None],
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=last,
        )
        logits: torch.Tensor = output.logits[0]
        return logits


def _chosen(logits: torch.Tensor, bias: torch.Tensor | None) -> list[int]:
    """The token that each row of logits [rows, vocabulary] makes the most likely."""
    return [int(token) for token in (logits if bias is None else logits + bias).argmax(dim=-1).tolist()]
