"""The sequence in which a memory is read: ``head | z | tail(question) | evidence, end``.

``head`` opens the user's turn, ``tail`` holds the question and opens the assistant's turn. The segments are tokenised
once each and joined as ids, so nothing can merge over a border.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from core.models.prompt import Prompt

RECITE = "What does the whole text say?"
NOT_IN_MEMORY = "This is not in memory."
_MARK = "\u241e"


class Frame:
    """Segments for one tokenizer.

    Args:
        tokenizer: A transformers tokenizer.
        end: Id that ends the evidence.
    """

    def __init__(self, tokenizer: Any, end: int) -> None:
        self._prompt = Prompt(tokenizer)
        self._tokenizer, self._end = tokenizer, end
        self.head = self.encode(_opening(tokenizer))
        # Of the ids themselves: what other arms say in their system turn must not make a memory stale.
        self.fingerprint = hashlib.sha256(json.dumps([self.head, self.tail(RECITE)]).encode()).hexdigest()[:16]

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


def _opening(tokenizer: Any) -> str:
    """What stands between the system's turn and the user's words: z needs no instruction, so none is spent on it."""
    if not getattr(tokenizer, "chat_template", None):
        return "\n\n"
    turns = [{"role": "system", "content": _MARK}, {"role": "user", "content": _MARK}]
    rendered = str(tokenizer.apply_chat_template(turns, tokenize=False, enable_thinking=False))
    return rendered.split(_MARK)[1]
