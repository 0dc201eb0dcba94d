"""The sequence in which a memory is read: ``head | z | tail(question) | evidence, end``.

``head`` opens the user's turn, ``tail`` holds the question and opens the assistant's turn. The segments are tokenised
once each and joined as ids, so nothing can merge over a border.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from typing import Any

import torch

from core.models.prompt import Prompt

RECITE = "What does the whole text say?"
NOT_IN_MEMORY = "This is not in memory."
COMMON = 1.0
"""Tokens of a lower idf, in more than about a third of the documents, are common."""
_MARK = "\u241e"
_REPEATED = 0.1
_SENTENCE_ENDS = frozenset(".!?;")
_SPACES = ("\u0120", "\u2581")
"""How vocabularies write the space before a token: byte-level ones, and those of SentencePiece."""


class ZPrompt:
    """Segments for one tokenizer.

    Args:
        end: Id that ends the evidence.
    """

    def __init__(self, tokenizer: Any, end: int) -> None:
        self._prompt = Prompt(tokenizer)
        self._tokenizer, self._end = tokenizer, end
        self._pieces: dict[int, str] = {}
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
            if self._piece(token).isdigit() or (token not in seen and float(idf[token]) > COMMON):
                distinctive.append(token)
                seen.add(token)
        return distinctive or ids

    def telling(self, text: str, idf: torch.Tensor, most: int) -> list[int]:
        """The ``most`` most telling tokens of a text, in its order.

        Words stay whole: half a name is another name. Numbers and the ends of sentences go first, then words by their
        idf; one that stood before counts a tenth.

        Args:
            text: The document, title first.
            idf: [vocabulary].
        """
        ids = self.encode(text)
        words = self._words(ids)
        worth: list[float] = []
        seen: set[tuple[int, ...]] = set()
        for word in words:
            rarity = max(self._rarity(token, idf) for token in word)
            worth.append(rarity * _REPEATED if word in seen else rarity)
            seen.add(word)
        kept: list[int] = []
        room = most
        for number in sorted(range(len(words)), key=lambda number: -worth[number]):
            if len(words[number]) <= room:
                kept.append(number)
                room -= len(words[number])
        return [token for number in sorted(kept) for token in words[number]] or ids[:most]

    def _words(self, ids: Sequence[int]) -> list[tuple[int, ...]]:
        """Tokens grouped to words: a space before a token or a sign opens a new one."""
        words: list[list[int]] = []
        for token in ids:
            spaced = self._tokenizer.convert_ids_to_tokens(token)[:1] in _SPACES
            if not words or spaced or not self._piece(token)[:1].isalnum():
                words.append([])
            words[-1].append(token)
        return [tuple(word) for word in words]

    def _rarity(self, token: int, idf: torch.Tensor) -> float:
        piece = self._piece(token)
        return math.inf if piece.isdigit() or piece in _SENTENCE_ENDS else float(idf[token])

    def _piece(self, token: int) -> str:
        """Text of one token, without space around it."""
        if token not in self._pieces:
            self._pieces[token] = self._tokenizer.decode([token]).strip()
        return self._pieces[token]

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
    """The template between the system message and the user's text; z needs no instruction, so there is none."""
    if not getattr(tokenizer, "chat_template", None):
        return "\n\n"
    turns = [{"role": "system", "content": _MARK}, {"role": "user", "content": _MARK}]
    rendered = str(tokenizer.apply_chat_template(turns, tokenize=False, enable_thinking=False))
    return rendered.split(_MARK)[1]
