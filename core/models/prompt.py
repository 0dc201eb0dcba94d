"""The one prompt of all arms, cut into segments that are tokenised once each and joined as ids.

    head | passage | passage | ... | tail(question)

``head`` is the system instruction and the opening of the user's turn, ``tail`` the question and the opening of the
assistant's turn. A KV cache of ``head + passages`` therefore continues with ``tail`` exactly as the whole prompt
would: no second tokenisation can merge tokens over a border or insert a BOS in the middle. Closed book is
``head | tail``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from core.corpus.types import Passage

SYSTEM = "Answer the question from the passages in as few words as possible."
NOT_FOUND = "not in the passages"
_USER = "\u241euser\u241e"


class Prompt:
    """Segments of the prompt for one tokenizer.

    Args:
        tokenizer: A transformers tokenizer; its chat template is used when it has one.
        system: The instruction.
    """

    def __init__(self, tokenizer: Any, system: str = SYSTEM) -> None:
        self._tokenizer = tokenizer
        before, after = self._frame(system)
        self._before, self._after = before + "Passages:\n\n", after

    def _frame(self, system: str) -> tuple[str, str]:
        if not getattr(self._tokenizer, "chat_template", None):
            return f"{system}\n\n", "\nAnswer:"
        turns = [{"role": "system", "content": system}, {"role": "user", "content": _USER}]
        rendered = self._tokenizer.apply_chat_template(
            turns, tokenize=False, add_generation_prompt=True, enable_thinking=False
        )
        before, after = rendered.split(_USER)
        return before, after

    def encode(self, text: str) -> list[int]:
        """Token ids of ``text`` as it stands, without BOS or EOS."""
        return list(self._tokenizer.encode(text, add_special_tokens=False))

    def count(self, text: str) -> int:
        """Tokens of ``text``."""
        return len(self.encode(text))

    @cached_property
    def head(self) -> list[int]:
        """Ids up to the first passage."""
        return self.encode(self._before)

    def passage(self, passage: Passage) -> list[int]:
        """Ids of one passage."""
        title = f"[{passage.title}] " if passage.title else ""
        return self.encode(f"{title}{passage.text}\n\n")

    def context(self, passages: Sequence[Passage]) -> list[int]:
        """Ids of the head and all ``passages``: what a cell cache holds."""
        return self.head + [token for passage in passages for token in self.passage(passage)]

    def tail(self, question: str) -> list[int]:
        """Ids from the question to where the answer begins."""
        return self.encode(f"Question: {question.strip()}{self._after}")

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the template and the instruction; a cache built with another one must not be used."""
        return hashlib.sha256(f"{self._before}\u241e{self._after}".encode()).hexdigest()[:16]
