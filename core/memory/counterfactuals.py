"""Counterfactuals: copies of a document with other facts, about which no model can answer from memorised weights.

Numbers become other numbers of the same length, names other names of the corpus, and some plain words other plain
words; the title stays. A counterfactual has its untrained first z. Answering requires reading that z, because the same
question about the same title has a different answer each time.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from core.corpus.sentences import whole_sentences
from core.corpus.text import stop_words
from core.corpus.types import Passage
from core.memory.self_study import names

_DIGITS = re.compile(r"\d[\d,.]*\d|\d")
_PLAIN = re.compile(r"\b[a-z]{5,}\b")
_COUNTS = (
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen twenty thirty forty fifty sixty seventy eighty ninety"
)
_COUNT = re.compile(rf"\b({'|'.join(_COUNTS.split())})\b", re.IGNORECASE)
_PLAIN_SHARE = 0.15

Rewrite = Callable[[str], str]


class Counterfactuals:
    """Makes counterfactuals of the documents of one corpus.

    Args:
        passages: Where other names and words come from.
    """

    def __init__(self, passages: Sequence[Passage]) -> None:
        known = {name for passage in passages for s in whole_sentences(passage.text) for name in names(s, "")}
        self._names = sorted(known) or ["Nobody"]
        plain = {word for passage in passages for word in _PLAIN.findall(passage.text)} - stop_words()
        self._plain = sorted(plain) or ["something"]

    def make(self, passage: Passage, rng: random.Random) -> tuple[Passage, Rewrite]:
        """A counterfactual, and the function that rewrites a text about the passage into one about it."""
        swaps: dict[str, str] = {}
        for sentence in whole_sentences(passage.text):
            for name in names(sentence, passage.title):
                swaps.setdefault(name, rng.choice(self._names))
        for number in _DIGITS.findall(passage.text):
            swaps.setdefault(number, _other_number(number, rng))
        for count in _COUNT.findall(passage.text):
            other = rng.choice(_COUNTS.split())
            swaps.setdefault(count, other.capitalize() if count[0].isupper() else other)
        for word in set(_PLAIN.findall(passage.text)) - stop_words():
            if word not in passage.title.lower() and rng.random() < _PLAIN_SHARE:
                swaps.setdefault(word, rng.choice(self._plain))
        rewrite = _rewriter(swaps)
        return replace(passage, text=rewrite(passage.text)), rewrite


def _rewriter(swaps: dict[str, str]) -> Rewrite:
    if not swaps:
        return lambda text: text
    longest_first = sorted(swaps, key=lambda key: (-len(key), key))
    pattern = re.compile(rf"(?<!\w)({'|'.join(map(re.escape, longest_first))})(?!\w)")
    return lambda text: pattern.sub(lambda match: swaps[match.group()], text)


def _other_number(number: str, rng: random.Random) -> str:
    digits = [str(rng.randrange(10)) if c.isdigit() else c for c in number]
    digits[0] = str(rng.randrange(1, 10))
    return "".join(digits)
