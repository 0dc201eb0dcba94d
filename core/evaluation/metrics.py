"""Scores of an answer or a piece of evidence against what is accepted: EM, F1, ROUGE-L and coverage.

Normalisation, EM and F1 follow the official SQuAD 1.1 script (Rajpurkar et al., 2016); ROUGE-L follows Lin (2004).
All scores are in [0, 1]; against several golds the best one counts.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise(text: str) -> str:
    """Lower case, without ASCII punctuation and English articles, single spaces: SQuAD's ``normalize_answer``."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(prediction: str, golds: Sequence[str]) -> float:
    """1 when the normalised prediction equals a normalised gold, else 0; 0 without golds."""
    predicted = normalise(prediction)
    return float(any(predicted == normalise(gold) for gold in golds))


def f1(prediction: str, golds: Sequence[str]) -> float:
    """Token F1 of the normalised texts: 2PR / (P + R) over the multiset of common words, the best gold's."""
    return _best(_token_f1, prediction, golds)


def rouge_l(prediction: str, golds: Sequence[str]) -> float:
    """ROUGE-L F of the normalised words, the best gold's.

    With L the length of the longest common subsequence of prediction (m words) and gold (n words), P = L/m,
    R = L/n and F = 2PR / (P + R): Lin (2004), equations 2 to 4 with beta = 1.
    """
    return _best(_rouge_l, prediction, golds)


def coverage(text: str, golds: Sequence[str]) -> float:
    """1 when ``text`` contains a gold as whole words, both normalised, else 0; golds without words do not count."""
    padded = f" {normalise(text)} "
    return float(any(f" {gold} " in padded for gold in map(normalise, golds) if gold))


def longest_common_subsequence(left: Sequence[str], right: Sequence[str]) -> int:
    """Length of the longest common subsequence, by the bit-parallel recurrence of Hyyro (2004).

    Bit j of ``row`` is 0 where the subsequence grows at column j of the classical table; one row is a few operations on
    an integer of ``len(right)`` bits.
    """
    where: dict[str, int] = {}
    for column, word in enumerate(right):
        where[word] = where.get(word, 0) | 1 << column
    full = (1 << len(right)) - 1
    row = full
    for word in left:
        matches = row & where.get(word, 0)
        row = ((row + matches) | (row - matches)) & full
    return len(right) - row.bit_count()


def _best(score: Callable[[list[str], list[str]], float], prediction: str, golds: Sequence[str]) -> float:
    predicted = normalise(prediction).split()
    return max((score(predicted, normalise(gold).split()) for gold in golds), default=0.0)


def _token_f1(predicted: list[str], gold: list[str]) -> float:
    return _harmonic(sum((Counter(predicted) & Counter(gold)).values()), len(predicted), len(gold))


def _rouge_l(predicted: list[str], gold: list[str]) -> float:
    return _harmonic(longest_common_subsequence(predicted, gold), len(predicted), len(gold))


def _harmonic(common: int, predicted: int, gold: int) -> float:
    """2PR / (P + R) with P = common / predicted and R = common / gold; 0 when nothing is common."""
    return 2 * common / (predicted + gold) if common else 0.0
