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
_LOOK_BACK = 24


def sentences(text: str) -> list[str]:
    """The sentences of ``text``, each an exact piece of it."""
    return [text[start:end] for start, end in sentence_spans(text)]


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
    found = _WORD_BEFORE.search(before)
    word = found[0] if found else ""
    is_initial = len(word) == 1 and "A" <= word <= "Z" and not _REGNAL.search(before)
    is_list_number = word.isdigit() and (start == len(word) or text[start - len(word) - 1] == "\n")
    return not (is_initial or is_list_number or _ABBREVIATION.fullmatch(word))
