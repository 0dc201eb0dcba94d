"""The sequence in which a memory is read: ``head | z | tail(question) | evidence, end``.

``head`` opens the user's turn, ``tail`` holds the question and opens the assistant's turn. The segments are tokenised
once each and joined as ids, so nothing can merge over a border.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.models.prompt import Prompt

RECALL = "Recall."
RECITE = "What does the whole text say?"
NOT_IN_MEMORY = "This is not in memory."


class Frame:
    """Segments for one tokenizer.

    Args:
        tokenizer: A transformers tokenizer.
        end: Id that ends the evidence.
    """

    def __init__(self, tokenizer: Any, end: int) -> None:
        self._prompt = Prompt(tokenizer, RECALL)
        self._tokenizer, self._end = tokenizer, end
        self.fingerprint = self._prompt.fingerprint

    @property
    def head(self) -> list[int]:
        """Ids before z."""
        return self._prompt.head

    def encode(self, text: str) -> list[int]:
        """Ids of a text as it stands."""
        return self._prompt.encode(text)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids, special tokens left out."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True)).strip()

    def tail(self, question: str) -> list[int]:
        """Ids from the question to where the evidence begins."""
        return self._prompt.tail(question)

    def target(self, text: str, limit: int) -> list[int]:
        """Ids of an evidence text with the end token, at most ``limit`` + 1."""
        ids = self.encode(text)
        return [*ids, self._end] if len(ids) <= limit else ids[:limit]
