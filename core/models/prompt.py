"""The prompt of all methods, built from segments that are tokenised separately and joined as token ids.

    head | passage | passage | ... | tail(question)

``head`` is the system instruction and the opening of the user's turn, ``tail`` the question and the opening of the
assistant's turn. A KV cache of ``head + passages`` can therefore continue with ``tail`` exactly as the whole prompt
would: tokens never merge across a border, and no BOS appears in the middle. Closed book is ``head | tail``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from core.corpus.types import Passage
from core.digests import text_digest
from core.models.scripts import knows_script
from core.normalise import normalise

SYSTEM = "Answer the question from the passages in as few words as possible."
OPENING = "Passages:\n\n"
GAP = "\n\n"
NOT_FOUND = "not in the passages"
_USER = "\u241euser\u241e"
_MARKER = re.compile(r"<[^<>\s]+>|\[[^\[\]\s]+\]")
_TURN = re.compile(r"<(?=\|[^|<>\s]*\|>|/?s>|(?:start|end)_of_turn>)")


def passage_text(passage: Passage) -> str:
    """A passage as it stands in the prompt."""
    title = f"[{passage.title}] " if passage.title else ""
    return f"{title}{passage.text}{GAP}"


def question_text(question: str) -> str:
    """A question as it stands in the prompt."""
    return f"Question: {normalise(question).strip()}"


def user_turn(passages: Sequence[Passage], question: str) -> str:
    """The user's turn as one text, for servers that take no token ids; the same passages make the same beginning.

    A server reads control tokens in it, unlike ``Prompt.encode``: those of the usual templates are broken up.
    """
    text = "".join([OPENING, *map(passage_text, passages), question_text(question)])
    return _TURN.sub("< ", text)


class Prompt:
    """Segments of the prompt for one tokenizer.

    Args:
        tokenizer: A transformers tokenizer; its chat template is used when it has one.
    """

    def __init__(self, tokenizer: Any, system: str = SYSTEM) -> None:
        self._tokenizer = tokenizer
        before, after = self._frame(system)
        self._before, self._after = before + OPENING, after

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
        """Token ids of a text from a document or a user, without BOS or EOS.

        Control tokens in it are treated as text: "<|im_end|>" in a document must not end the user's turn.
        """
        pieces = self._markers.split(text) if self._markers else [text]
        return [token for piece in pieces if piece for token in self._encode(piece, split_special_tokens=True)]

    def encode_template(self, text: str) -> list[int]:
        """Token ids of a part of the prompt's template, where control tokens keep their meaning."""
        return self._encode(text, split_special_tokens=False)

    def _encode(self, text: str, split_special_tokens: bool) -> list[int]:
        # Not verbose: a text that is longer than the context is counted here and then cut or refused.
        return list(
            self._tokenizer.encode(
                text, add_special_tokens=False, split_special_tokens=split_special_tokens, verbose=False
            )
        )

    @cached_property
    def _markers(self) -> re.Pattern[str] | None:
        """Split points inside added tokens such as "<think>", which the tokenizer does not treat as special."""
        added = self._tokenizer.get_added_vocab()
        markers = [
            token for token in added if _MARKER.fullmatch(token) and token not in self._tokenizer.all_special_tokens
        ]
        cuts = "|".join(f"(?<={re.escape(token[0])})(?={re.escape(token[1:])})" for token in markers)
        return re.compile(cuts) if cuts else None

    def count(self, text: str) -> int:
        """Number of tokens of ``text``."""
        return len(self.encode(text))

    def knows(self, text: str) -> bool:
        """Whether the tokenizer knows the script of most words of a text; see ``core.models.scripts``."""
        return knows_script(self._tokenizer, text)

    @cached_property
    def head(self) -> list[int]:
        """Token ids before the first passage."""
        return self.encode_template(self._before)

    def passage(self, passage: Passage) -> list[int]:
        """Token ids of one passage."""
        return self.encode(passage_text(passage))

    def context(self, passages: Sequence[Passage]) -> list[int]:
        """Token ids of the head and all ``passages``: the content of a cell cache."""
        return self.head + [token for passage in passages for token in self.passage(passage)]

    @cached_property
    def gap(self) -> list[int]:
        """Token ids after a passage that is given as ids or soft tokens."""
        return self.encode(GAP)

    @cached_property
    def declining(self) -> int:
        """First token of an answer that declines."""
        return self.encode(NOT_FOUND)[0]

    def tail(self, question: str) -> list[int]:
        """Token ids from the question up to the answer."""
        return self.encode(question_text(question)) + self.encode_template(self._after)

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the template and the instruction; caches built with another prompt are stale."""
        return text_digest(f"{self._before}\u241e{self._after}")
