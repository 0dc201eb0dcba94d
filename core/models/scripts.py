"""Whether a model knows the script of a text, judged by its tokenizer.

A tokenizer without words of a script maps them to the unknown token, or splits them into letters (all-MiniLM) or bytes
(SmolLM2). Two different Korean questions can then have the same vector. Latin words are not checked: every model knows
that script, and names are split in any language.
"""

from __future__ import annotations

from typing import Any

import regex

from core.normalise import normalise

_WORD = regex.compile(r"[\p{L}\p{M}]+")
_LATIN = regex.compile(r"[\p{Latin}\p{M}]+")
_LETTER = regex.compile(r"\p{L}")
_SYLLABLES = regex.compile(r"[\p{Hangul}\p{Han}\p{Hiragana}\p{Katakana}]")
_SHORT = 3


def knows_script(tokenizer: Any, text: str) -> bool:
    """Whether a tokenizer knows the script of most words of a text."""
    words = _WORD.findall(normalise(text))
    foreign = [word for word in words if not _LATIN.fullmatch(word)]
    unknown = sum(len(word) for word in foreign if not _knows(tokenizer, word))
    return 2 * unknown <= sum(map(len, words))


def _knows(tokenizer: Any, word: str) -> bool:
    ids = tokenizer(word, add_special_tokens=False)["input_ids"]
    if tokenizer.unk_token_id in ids and tokenizer.unk_token_id is not None:
        return False
    # A token per syllable or ideograph counts as known, a token per letter does not. Vowel marks are often dropped, so
    # only letters are counted.
    letters = len(_LETTER.findall(word))
    return len(ids) <= letters if _SYLLABLES.search(word) or letters < _SHORT else len(ids) < letters
