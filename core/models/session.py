"""One sequence: tokens are prefilled into a KV cache and decoded from it.

``prefill_steps`` yields after each chunk and ``decode`` after each token; closing the generator stops the model after
the current step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch
from transformers import DynamicCache

from core.errors import ModelError
from core.messages import message
from core.models.llama_decoder import LlamaDecoder
from core.models.prompt_lookup import draft

CHUNK_TOKENS = 512
DRAFTED_TOKENS = 4
"""Drafted tokens per pass, where a pass over a few tokens is as cheap as one over a single token."""


class SequenceModel(Protocol):
    """The part of ``LanguageModel`` that a session uses."""

    model: Any

    @property
    def device(self) -> torch.device: ...  # noqa: D102

    @property
    def dtype(self) -> torch.dtype: ...  # noqa: D102

    @property
    def max_context(self) -> int: ...  # noqa: D102

    @property
    def stop_ids(self) -> frozenset[int]: ...  # noqa: D102

    def decoder(self) -> LlamaDecoder | None: ...  # noqa: D102


class Session:
    """One sequence: its KV cache and the logits after its last token.

    Attributes:
        cache: Keys and values of all tokens so far, [1, kv_heads, length, head_dim] in each layer.
        ids: The tokens so far, where they are known: what prompt lookup decoding drafts from.
        logits: [vocabulary] after the last token; None before the first.
    """

    def __init__(self, lm: SequenceModel, cache: DynamicCache, ids: Sequence[int] = ()) -> None:
        self._lm = lm
        self._decoder = lm.decoder()
        self._max_draft = DRAFTED_TOKENS if self._decoder is not None and self._decoder.cheap_rows else 0
        self.ids = list(ids)
        self.cache = cache
        self.logits: torch.Tensor | None = None

    @property
    def length(self) -> int:
        """Number of tokens in the cache."""
        return int(self.cache.get_seq_length())

    @property
    def next_logits(self) -> torch.Tensor:
        """[vocabulary] logits of the token that comes next.

        Raises:
            ModelError: Nothing has been prefilled yet.
        """
        if self.logits is None:
            raise ModelError("There is nothing to continue: no token has been read.", "Prefill the prompt first.")
        return self.logits

    def prefill(self, ids: Sequence[int], chunk: int = CHUNK_TOKENS) -> None:
        """Appends tokens, ``chunk`` of them per pass.

        Raises:
            ModelError: The sequence would outgrow the model's context.
        """
        for _ in self.prefill_steps(ids, chunk):
            pass

    def prefill_steps(self, ids: Sequence[int], chunk: int = CHUNK_TOKENS) -> Iterator[int]:
        """Like ``prefill``, but yields the number of tokens done after every chunk, to show progress or to stop.

        Raises:
            ModelError: The sequence would outgrow the model's context.
        """
        self._require_room(len(ids))
        for start in range(0, len(ids), chunk):
            part = ids[start : start + chunk]
            self.logits = self._run(part, 1)[-1]
            self.ids += part
            yield start + len(part)

    def prefill_embeddings(self, embeddings: torch.Tensor, ids: Sequence[int] = ()) -> None:
        """Appends soft tokens, given as embeddings [T, hidden].

        Args:
            ids: The tokens that they stand for, if there are any, for prompt lookup decoding.

        Raises:
            ModelError: The sequence would outgrow the model's context.
        """
        self._require_room(len(embeddings))
        with torch.inference_mode():
            for part in embeddings.to(self._lm.device, self._lm.dtype).split(CHUNK_TOKENS):
                self.logits = self._forward(part)[-1]
        self.ids += ids

    def decode(self, max_new_tokens: int, stop: bool = True, bias: torch.Tensor | None = None) -> Iterator[int]:
        """Greedy decoding; yields each token as soon as it is known.

        Drafted tokens are verified several at once (see ``core.models.prompt_lookup``), which makes decoding faster but
        does not change its result. When decoding ends, all tokens but the last are in the cache.

        Args:
            stop: Whether a stop id ends the answer.
            bias: [vocabulary], added to the logits before each choice.

        Raises:
            ModelError: Nothing has been prefilled yet.
        """
        stops = self._lm.stop_ids if stop else frozenset()
        pending = _argmax(self.next_logits[None], bias)
        for remaining in range(max_new_tokens, 0, -1):
            token = pending.pop(0)
            if token in stops:
                return
            yield token
            if not pending and remaining > 1:
                pending = self._advance(token, remaining - 1, stops, bias)

    def _advance(self, token: int, limit: int, stops: frozenset[int], bias: torch.Tensor | None) -> list[int]:
        """Appends a token and its accepted drafts; returns these drafts and the next token, ``limit`` at most."""
        max_draft = min(self._max_draft, limit - 1, self._lm.max_context - self.length - 1)
        drafted = draft([*self.ids, token], max_draft)
        stop = next((index for index, guess in enumerate(drafted) if guess in stops), len(drafted))
        inputs = [token, *drafted[:stop]]
        logits = self._run(inputs)
        chosen = _argmax(logits, bias)
        accepted = 0
        while accepted + 1 < len(inputs) and inputs[accepted + 1] == chosen[accepted]:
            accepted += 1
        self.cache.crop(accepted + 1 - len(inputs))
        self.ids += inputs[: accepted + 1]
        self.logits = logits[accepted]
        return chosen[: accepted + 1]

    def _require_room(self, tokens: int) -> None:
        if self.length + tokens > self._lm.max_context:
            raise ModelError(
                message(
                    "The prompt has {n:,} tokens, but the model takes {most:,}.",
                    n=self.length + tokens,
                    most=self._lm.max_context,
                ),
                "Put fewer passages in the prompt, make the cells smaller, or read fewer z at once.",
            )

    @torch.inference_mode()
    def _run(self, ids: Sequence[int], last: int = 0) -> torch.Tensor:
        """Logits [last, vocabulary] after the last of these tokens; after all of them if ``last`` is 0."""
        embed = self._lm.model.get_input_embeddings()
        return self._forward(embed(torch.tensor(ids, device=self._lm.device)), last or len(ids))

    def _forward(self, embeddings: torch.Tensor, last: int = 1) -> torch.Tensor:
        if self._decoder is not None:
            return self._decoder.forward(embeddings, self.cache, slice(-last, None))
        past, width = self.length, len(embeddings)
        # Positions and mask are explicit, because transformers would derive them from the new tokens only.
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


def _argmax(logits: torch.Tensor, bias: torch.Tensor | None) -> list[int]:
    """The most likely token of each row of logits [rows, vocabulary]."""
    return [int(token) for token in (logits if bias is None else logits + bias).argmax(dim=-1).tolist()]
