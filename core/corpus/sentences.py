"""Sentences of a text in any script: where one ends and the next begins.

A full stop ends a sentence when space and no small letter follow, and the word before it is no abbreviation or
initial; this serves Korean too. The full stops of Chinese and Japanese need no space after them; a quotation that goes
on in hiragana ("..." to itta) does not end its sentence. An empty line ends a sentence in every script.
"""

from __future__ import annotations

from collections.abc import Iterator

import regex

Span = tuple[int, int]
"""First character and the one after the last."""

_ABBREVIATION = regex.compile(
    r"mrs?|ms|dr|st|mt|prof|[sj]r|vs|e\.g|i\.e|cf|ca|al|approx|no|fig|vol|pp?|inc|ltd|co|gen|col|lt|rev|hon",
    regex.IGNORECASE,
)
# Runs are matched once, from their first character (the lookbehind), so that "......" takes linear time.
_END = regex.compile(
    r"""
      (?<stop> (?<![.!?…؟۔।॥։።]) [.!?…؟۔।॥։።]++ ["'”’»)\]}]*+ (?=\s) )
    | (?<wide> (?<![。！？｡]) [。！？｡]++ (?: [」』”’）】》〉]++ (?!\p{Hiragana}) | (?![」』”’）】》〉]) ) )
    | (?<gap> \n[^\S\n]*+\n )
    """,
    regex.VERBOSE,
)
_WORD_BEFORE = regex.compile(r"[\w.]+\Z")
# "under King Brandric I. The next" ends there, "Franklin D. Roosevelt" does not.
_REGNAL = regex.compile(r"\p{Lu}\p{Ll}+ [IVX]\Z")
_ITEM_NUMBER = regex.compile(r"\d{1,3}(?:\.\d{1,2})*|[a-z]|[ivx]{2,4}")
_OPENS_ITEM = regex.compile(r"(?:\A|\n[^\S\n]*|[.:;!?]\s+)\Z")
_NUMBERED_THING = regex.compile(r"(?:\A|\n[^\S\n]*|[.:;!?)]\s+)\p{L}{2,}\.? \Z")
_LOOK_BACK = 24
_SHORTEST = 12


def sentences(text: str) -> list[str]:
    """The sentences of ``text``, each an exact piece of it."""
    return [text[start:end] for start, end in sentence_spans(text)]


def whole_sentences(text: str) -> list[str]:
    """Sentences in single spaces; pieces too short to stand alone join the one before."""
    return [_in_single_spaces(text[start:end]) for start, end in whole_sentence_spans(text)]


def whole_sentence_spans(text: str) -> list[Span]:
    """Where the ``whole_sentences`` of a text lie."""
    spans: list[Span] = []
    for start, end in sentence_spans(text):
        if spans and len(_in_single_spaces(text[start:end])) < _SHORTEST:
            spans[-1] = spans[-1][0], end
        else:
            spans.append((start, end))
    return spans


def _in_single_spaces(text: str) -> str:
    return " ".join(text.split())


def sentence_spans(text: str) -> list[Span]:
    """Where the sentences of ``text`` lie, without the space between them."""
    return [span for span in _trimmed(text) if span[0] < span[1]]


def _trimmed(text: str) -> Iterator[Span]:
    start = 0
    for match in _END.finditer(text):
        if match["stop"] and not _ends_sentence(text, match):
            continue
        yield _trim(text, start, match.start() if match["gap"] else match.end())
        start = match.end()
    yield _trim(text, start, len(text))


def _trim(text: str, start: int, end: int) -> Span:
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end


def _ends_sentence(text: str, match: regex.Match[str]) -> bool:
    following = match.end()
    while following < len(text) and text[following].isspace():
        following += 1
    if following < len(text) and text[following].islower():
        return False
    if match["stop"] != ".":
        return True
    start = match.start()
    before = text[max(0, start - _LOOK_BACK) : start]
    last = _WORD_BEFORE.search(before)
    word = last[0] if last else ""
    is_initial = len(word) == 1 and "A" <= word <= "Z" and not _REGNAL.search(before)
    return not (is_initial or _ABBREVIATION.fullmatch(word) or _is_list_number(text, start - len(word), word))


def _is_list_number(text: str, start: int, word: str) -> bool:
    """Whether a number begins an item ("1." after a line or a sentence) or names a thing ("Table 2.", "Rule 4.")."""
    if not _ITEM_NUMBER.fullmatch(word):
        return False
    before = text[max(0, start - _LOOK_BACK) : start]
    return _OPENS_ITEM.search(before) is not None or _NUMBERED_THING.search(before) is not None
