"""Long texts become passages: whole sentences, about ``TARGET`` tokens and never more than ``MOST``.

Every piece is an exact slice of the text, so that evidence can be found in it again. What a reader marked as belonging
together (a list with its introduction) stays together where it fits, else it is cut between its lines. A row of a table
that carries its headers is a passage of its own: a small model takes the value of one row for that of the next when
both stand in one passage. A sentence that is longer than a passage may be is cut between words, a word that is longer
between characters as a reader sees them.

What counts as a token is the same for every reader: a Hangul syllable or an ideograph is one, as it is for a
multilingual encoder, and not the three bytes of which an English tokenizer makes it, see ``reading_count``.

Time and memory are in proportion to the text, whatever it is: megabytes without the end of a sentence are first cut
into stretches of limited length, and passages are yielded one by one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import regex

from core.corpus.sentences import Span, sentence_spans
from core.errors import CorpusError
from core.messages import message

Count = Callable[[str], int]
"""Tokens of a text, by the tokenizer of the language model."""

TARGET = 128
MOST = 192
WHOLE = 960
"""Tokens of the language model up to which a passage stays whole: it must fit a Voronoi cell."""
SHORTEST, LONGEST = 64, 640
"""Bounds of ``Chunking.length``; half as much again must fit a Voronoi cell."""
# Counting a whole book to balance its last page is not worth the time.
_LONG_CHARS = 20_000
_STRETCH_CHARS = 4_000
"""Longest stretch whose tokens are counted, or whose words are listed, at once."""
_LINE = regex.compile(r"\S[^\n]*")
_WORD = regex.compile(r"\S+")
_GRAPHEME = regex.compile(r"\X")
_SYLLABLES = regex.compile(r"[\p{Hangul}\p{Han}\p{Hiragana}\p{Katakana}]+")

Cut = Callable[[str, Span], Sequence[Span]]


@dataclass(frozen=True)
class Chunking:
    """How the documents of a corpus are cut.

    Attributes:
        length: Tokens that a passage aims at.
        overlap: Tokens of the passage before that one repeats at most, in whole sentences; rows of tables repeat none.

    Raises:
        CorpusError: One of them is out of bounds.
    """

    length: int = TARGET
    overlap: int = 0

    def __post_init__(self) -> None:
        if not SHORTEST <= self.length <= LONGEST:
            raise CorpusError(
                message("Passages of {n:,} tokens are not possible.", n=self.length),
                message("Choose {least:,} to {most:,}.", least=SHORTEST, most=LONGEST),
            )
        if not 0 <= self.overlap <= self.length // 2:
            raise CorpusError(
                message("An overlap of {n:,} tokens is not possible.", n=self.overlap),
                message("Choose {least:,} to {most:,}.", least=0, most=self.length // 2),
            )

    @property
    def most(self) -> int:
        """Tokens that no passage exceeds."""
        return self.length * MOST // TARGET


DEFAULT_CHUNKING = Chunking()


def reading_count(count: Count, most: int) -> Count:
    """Tokens that a passage is measured by: those of the language model, but a syllable or an ideograph is one at most.

    SmolLM2 spells Hangul by its bytes, 2.9 tokens a syllable: passages of 128 of these hold two sentences. In the words
    of multilingual-e5 a syllable is .93 tokens (the Korean sample, 3,835 syllables), so that Korean passages hold about
    five sentences, as English ones do.

    Args:
        count: Tokens of the language model.
        most: What no passage exceeds; of the model's own tokens it has at most ``WHOLE``.
    """

    def measured(text: str) -> int:
        tokens = count(text)
        syllables = sum(match.end() - match.start() for match in _SYLLABLES.finditer(text))
        if not syllables:
            return tokens
        return max(min(tokens, syllables + count(_SYLLABLES.sub("", text))), math.ceil(tokens * most / WHOLE))

    return measured


def chunk(text: str, count: Count, target: int = TARGET, most: int = MOST, overlap: int = 0) -> Iterator[str]:
    """The passages of a text; see ``chunk_spans``."""
    for start, end in chunk_spans(text, count, target=target, most=most, overlap=overlap):
        yield text[start:end]


def chunk_spans(
    text: str,
    count: Count,
    keep: Sequence[Span] = (),
    rows: Sequence[Span] = (),
    target: int = TARGET,
    most: int = MOST,
    overlap: int = 0,
) -> Iterator[Span]:
    """Cuts a text into passages; what lies between rows stays as it is up to ``most`` tokens.

    Args:
        text: Clean text.
        count: Tokens of a string.
        keep: Stretches that belong together, in order, none within another.
        rows: Stretches that are passages of their own, in order, each before, behind or between those of ``keep``.
        target: Tokens to aim at.
        most: Tokens that no passage exceeds.
        overlap: See ``Chunking``.

    Yields:
        Where the passages lie, in order; together they hold all of the text but the space between them.

    Raises:
        CorpusError: A single character has more than ``most`` tokens.
    """
    done = 0
    for start, stop in (*rows, (len(text), len(text))):
        whole = [span for span in keep if done <= span[0] < start]
        spans = _passages(text, (done, start), count, whole, target, most)
        yield from _overlapping(text, spans, overlap, most, count) if overlap else spans
        yield from _passages(text, (start, stop), count, [(start, stop)], target, most)
        done = stop


def _passages(text: str, within: Span, count: Count, keep: Sequence[Span], target: int, most: int) -> Iterator[Span]:
    """The passages of a stretch of the text."""
    part = text[slice(*within)]
    whole = (within[1] - len(part.lstrip()), within[0] + len(part.rstrip()))
    if whole[0] >= whole[1]:
        return
    goal = target
    if len(part) <= _LONG_CHARS:
        total = count(text[slice(*whole)])
        if total <= most:
            yield whole
            return
        goal = math.ceil(total / math.ceil(total / target))
    finer = (_lines, _sentences, _words, _graphemes) if keep else (_words, _graphemes)
    spans = _pack(text, list(_units(text, within, keep)), goal, most, count, finer)
    yield from _without_stub(text, spans, target // 2, most, count)


def _units(text: str, within: Span, keep: Sequence[Span]) -> Iterator[Span]:
    """The units packed into passages: kept stretches whole, sentences between them."""
    done = within[0]
    for start, stop in (*keep, (within[1], within[1])):
        for first, end in sentence_spans(text[done:start]):
            yield from _stretches(text, (done + first, done + end))
        if stop - start > _STRETCH_CHARS:
            for first, end in _lines(text, (start, stop)):
                yield from _stretches(text, (first, end))
        elif stop > start:
            yield start, stop
        done = max(done, stop)


def _stretches(text: str, span: Span) -> Iterator[Span]:
    """A span in pieces of at most ``_STRETCH_CHARS``, cut at a space where there is one, else between characters."""
    start, stop = span
    while stop - start > _STRETCH_CHARS:
        end = start + _STRETCH_CHARS
        cut = max(text.rfind(" ", start + 1, end), text.rfind("\n", start + 1, end))
        if cut < 0:
            cut = next(match.start() for match in _GRAPHEME.finditer(text, end - 100, stop) if match.end() > end)
        yield start, cut
        start = cut if text[cut] not in " \n" else cut + 1
    yield start, stop


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
            raise CorpusError(message("A single character of the text has more than {n} tokens.", n=most), "Remove it.")
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


def _without_stub(text: str, spans: Iterator[Span], small: int, most: int, count: Count) -> Iterator[Span]:
    """The same spans; a last one of less than ``small`` tokens joins the one before it where both fit."""
    before: Span | None = None
    last: Span | None = None
    for span in spans:
        if before:
            yield before
        before, last = last, span
    if before and last and count(text[slice(*last)]) < small and count(text[before[0] : last[1]]) <= most:
        yield before[0], last[1]
        return
    yield from (span for span in (before, last) if span)


def _overlapping(text: str, spans: Iterator[Span], overlap: int, most: int, count: Count) -> Iterator[Span]:
    """The same spans, each from the last sentences of the one before it on, as far as both limits allow."""
    before: Span | None = None
    for start, end in spans:
        first = start
        for sentence, _ in reversed(_sentences(text, before) if before else []):
            if count(text[sentence:start]) > overlap or count(text[sentence:end]) > most:
                break
            first = sentence
        yield first, end
        before = start, end


def _lines(text: str, span: Span) -> list[Span]:
    return [match.span() for match in _LINE.finditer(text, *span)]


def _sentences(text: str, span: Span) -> list[Span]:
    return [(span[0] + start, span[0] + end) for start, end in sentence_spans(text[slice(*span)])]


def _words(text: str, span: Span) -> list[Span]:
    return [match.span() for match in _WORD.finditer(text, *span)]


def _graphemes(text: str, span: Span) -> list[Span]:
    return [match.span() for match in _GRAPHEME.finditer(text, *span)]
