"""Long texts become passages: whole sentences, about ``TARGET`` tokens and never more than ``MOST``.

Every piece is an exact slice of the text, so that evidence can be found in it again. A sentence that is longer than a
passage may be is cut between words, a word that is longer between characters as a reader sees them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import regex

from core.corpus.sentences import Span, sentence_spans
from core.errors import CorpusError
from core.said import said

Count = Callable[[str], int]
"""Tokens of a text, by the tokenizer of the language model."""

TARGET = 128
MOST = 192
# Counting a whole book to balance its last page is not worth the time.
_LONG_CHARS = 20_000
_WORD = regex.compile(r"\S+")
_GRAPHEME = regex.compile(r"\X")

Cut = Callable[[str, Span], Sequence[Span]]


def chunk(text: str, count: Count, target: int = TARGET, most: int = MOST) -> list[str]:
    """Cuts a text into passages; a text of up to ``most`` tokens stays as it is.

    Args:
        text: Clean text.
        count: Tokens of a string.
        target: Tokens to aim at.
        most: Tokens that no passage exceeds.

    Returns:
        Exact slices of ``text`` in order; together they hold all of it but the space between them.

    Raises:
        CorpusError: A single character has more than ``most`` tokens.
    """
    text = text.strip()
    if not text:
        return []
    goal = target
    if len(text) <= _LONG_CHARS:
        total = count(text)
        if total <= most:
            return [text]
        goal = math.ceil(total / math.ceil(total / target))
    spans = list(_pack(text, sentence_spans(text), goal, most, count, (_words, _graphemes)))
    return [text[start:end] for start, end in _without_stub(text, spans, target // 2, most, count)]


def _pack(text: str, spans: Sequence[Span], goal: int, most: int, count: Count, finer: Sequence[Cut]) -> Iterator[Span]:
    first = 0
    while first < len(spans):
        end = _fit(text, spans, first, goal, count)
        if end > first:
            yield spans[first][0], spans[end - 1][1]
            first = end
            continue
        start, stop = spans[first]
        first += 1
        if count(text[start:stop]) <= most:
            yield start, stop
        elif not finer:
            raise CorpusError(said("A single character of the text has more than {n} tokens.", n=most), "Remove it.")
        else:
            yield from _pack(text, finer[0](text, (start, stop)), goal, most, count, finer[1:])


def _fit(text: str, spans: Sequence[Span], first: int, limit: int, count: Count) -> int:
    """The largest end with at most ``limit`` tokens in spans ``first`` to ``end``; ``first`` when not even one fits.

    Doubling steps and then halving them counts a few slices only, even for words.
    """

    def fits(end: int) -> bool:
        return count(text[spans[first][0] : spans[end - 1][1]]) <= limit

    end, step = first, 1
    while end + step <= len(spans) and fits(end + step):
        end, step = end + step, step * 2
    while step > 1:
        step //= 2
        if end + step <= len(spans) and fits(end + step):
            end += step
    return end


def _without_stub(text: str, spans: list[Span], small: int, most: int, count: Count) -> list[Span]:
    if len(spans) > 1 and count(text[slice(*spans[-1])]) < small and count(text[spans[-2][0] : spans[-1][1]]) <= most:
        return [*spans[:-2], (spans[-2][0], spans[-1][1])]
    return spans


def _words(text: str, span: Span) -> list[Span]:
    return [match.span() for match in _WORD.finditer(text, *span)]


def _graphemes(text: str, span: Span) -> list[Span]:
    return [match.span() for match in _GRAPHEME.finditer(text, *span)]
