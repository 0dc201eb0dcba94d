"""Scores of an answer or a piece of evidence against what is accepted: EM, F1, ROUGE-L and coverage.

Normalisation, EM and F1 follow the official SQuAD 1.1 script (Rajpurkar et al., 2016); ROUGE-L follows Lin (2004).
Where the gold is Korean they follow KorQuAD's (Lim et al., 2019): quotation marks and brackets are removed, and what F1
and ROUGE-L count are syllables instead of words, since particles are glued to nouns ("1180도에서" for "1180도").
All scores are in [0, 1]; against several golds the best one counts.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence

from core.normalise import normalise as normal_form

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_KOREAN_MARKS = str.maketrans("", "", "《》〈〉「」『』‘’“”·…")
_HANGUL = re.compile("[가-힣]")
_PARTICLES = (
    "(?:(?:이|으)?라(?:는|고)|이?다|이?었다|였다|입니다|이?며|이?고|인|들|은|는|이|가|을|를|의|에게|에서|에|으로|로|와|과|도|만|까지|부터|처럼|보다|"
    "께서|께|마다|조차)"
)


def normalise(text: str) -> str:
    """SQuAD's ``normalize_answer``: lower case, without ASCII punctuation and English articles, single spaces.

    A text with Hangul also loses the marks that KorQuAD's script removes.
    """
    plain = normal_form(text).lower().translate(_PUNCTUATION)
    if is_korean(plain):
        plain = plain.translate(_KOREAN_MARKS)
    return " ".join(_ARTICLES.sub(" ", plain).split())


def is_korean(text: str) -> bool:
    """Whether a text is scored as Korean: it holds a Hangul syllable."""
    return _HANGUL.search(normal_form(text)) is not None


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
    """1 when ``text`` contains a gold as whole words, both normalised, else 0; golds without words do not count.

    A Korean gold may be followed by particles ("도서관에는" for "도서관"), but not by the rest of another word.
    """
    padded = f" {normalise(text)} "
    return float(any(_holds(padded, gold) for gold in map(normalise, golds) if gold))


def _holds(padded: str, gold: str) -> bool:
    if f" {gold} " in padded:
        return True
    if not is_korean(gold) or f" {gold}" not in padded:
        return False
    most = 3 if len(gold) > 1 else 1  # "지" is not in "지도가", though 도 and 가 are particles
    return re.search(f" {re.escape(gold)}{_PARTICLES}{{1,{most}}} ", padded) is not None


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
    return max((score(*_units(prediction, gold)) for gold in golds), default=0.0)


def _units(prediction: str, gold: str) -> tuple[list[str], list[str]]:
    """The units compared in both: words, or characters if the gold answer is Korean."""
    predicted, expected = normalise(prediction), normalise(gold)
    if is_korean(expected):
        return list(predicted.replace(" ", "")), list(expected.replace(" ", ""))
    return predicted.split(), expected.split()


def _token_f1(predicted: list[str], gold: list[str]) -> float:
    return _harmonic(sum((Counter(predicted) & Counter(gold)).values()), len(predicted), len(gold))


def _rouge_l(predicted: list[str], gold: list[str]) -> float:
    return _harmonic(longest_common_subsequence(predicted, gold), len(predicted), len(gold))


def _harmonic(common: int, predicted: int, gold: int) -> float:
    """2PR / (P + R) with P = common / predicted and R = common / gold; 0 when nothing is common."""
    return 2 * common / (predicted + gold) if common else 0.0
