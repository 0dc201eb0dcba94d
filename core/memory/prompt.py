"""The sequence in which a memory is read: ``head | z | tail(question) | evidence, end``.

``head`` opens the user's turn, ``tail`` holds the question and opens the assistant's turn. Where the question is asked
briefly, its answer stands in the place of the evidence. The segments are tokenised once each and joined as ids, so
nothing can merge over a border.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import torch

from core.models.prompt import Prompt

RECITE = "What does the whole text say?"
BRIEFLY = "Answer in as few words as possible."
NOT_IN_MEMORY = "This is not in memory."
COMMON = 1.0
"""Tokens of a lower idf, in more than about a third of the documents, are common."""
_MARK = "\u241e"


class ZPrompt:
    """Segments for one tokenizer.

    Args:
        end: Id that ends the evidence.
    """

    def __init__(self, tokenizer: Any, end: int) -> None:
        self._prompt = Prompt(tokenizer)
        self._tokenizer, self._end = tokenizer, end
        self._digits: dict[int, bool] = {}
        self.head = self._prompt.encode_template(_opening(tokenizer))
        # Of the ids themselves: what the system turn of other methods says must not make a memory stale.
        self.fingerprint = hashlib.sha256(json.dumps([self.head, self.tail(RECITE)]).encode()).hexdigest()[:16]

    def encode(self, text: str) -> list[int]:
        """Token ids of a text."""
        return self._prompt.encode(text)

    def content(self, text: str, idf: torch.Tensor) -> list[int]:
        """Distinctive tokens, in their order: no common one, none twice; all digits stay.

        Args:
            text: The document, title first.
            idf: [vocabulary].
        """
        ids = self.encode(text)
        distinctive: list[int] = []
        seen: set[int] = set()
        for token in ids:
            if token not in self._digits:
                self._digits[token] = self._tokenizer.decode([token]).strip().isdigit()
            if self._digits[token] or (token not in seen and float(idf[token]) > COMMON):
                distinctive.append(token)
                seen.add(token)
        return distinctive or ids

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids, special tokens left out."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True)).strip()

    def tail(self, question: str, briefly: bool = False) -> list[int]:
        """Ids from the question to where the evidence begins, or the answer itself where it is asked for briefly."""
        return self._prompt.tail(f"{question} {BRIEFLY}" if briefly else question)

    def target(self, text: str, limit: int) -> list[int]:
        """Ids of an evidence text with the end token, at most ``limit`` + 1."""
        ids = self.encode(text)
        return [*ids, self._end] if len(ids) <= limit else ids[:limit]


def _opening(tokenizer: Any) -> str:
    """The template between the system message and the user's text; z needs no instruction, so there is none."""
    if not getattr(tokenizer, "chat_template", None):
        return "\n\n"
    turns = [{"role": "system", "content": _MARK}, {"role": "user", "content": _MARK}]
    rendered = str(tokenizer.apply_chat_template(turns, tokenize=False, enable_thinking=False))
    return rendered.split(_MARK)[1]
