"""Translations of the app.

English text in the code is the key; another language is a folder of JSON tables from English to that language, one
table per part of the app:

    t("Ask a question")                                -> "질문하기"
    t("{seconds} s left", seconds=4)                   -> "4초 남음"
    tn(3, "{n:,} passage", "{n:,} passages")           -> "문단 3개"
    st.selectbox(..., format_func=labels({"rag": "Standard RAG"}))

Text of documents, questions, answers and code is never translated. What a table lacks is shown in English;
``tests/app/i18n`` holds that nothing is lacking.

What core says (stages, labels, errors) is looked up when it is shown: ``t(progress.stage)``. A sentence of core with
values in it is in the tables when core made it with ``core.messages``, and is shown with ``saved`` when it comes from a
file; other errors with values stay English.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

import streamlit as st

from core import units
from core.messages import Message

LANGUAGES: Mapping[str, str] = {"en": "English", "ko": "한국어"}
"""Code and own name of every language."""
KEY = "language"
PARAM = "lang"
_FOLDERS = {"ko": "korean"}
_TOLD_BY = 8
"""Letters of its own that a pattern needs to be told by: "CPU, {n} thread" has them, "{name}: {what}" fits anything."""


def language() -> str:
    """Code of this session's language: as chosen, else as linked, else the browser's, else English."""
    chosen = st.session_state.get(KEY)
    if chosen in LANGUAGES:  # looked up for every text on a page: the address and the browser are not read for each
        return str(chosen)
    return next((code for code in (st.query_params.get(PARAM, ""), browser_language()) if code in LANGUAGES), "en")


def browser_language() -> str:
    """The language that the browser asks for ("ko-KR" is "ko"); empty where there is no browser."""
    return str(st.context.locale or "").partition("-")[0].lower()


def t(text: str, /, **values: object) -> str:
    """A text in this session's language, its ``{places}`` filled with values when any are given.

    A ``Message`` is translated from its own pattern and values.
    """
    if isinstance(text, Message):
        values = {**text.values, **values}
        text = text.pattern
    return _fill(table(language()).get(text, text), values)


def tn(n: int, one: str, many: str, /, **values: object) -> str:
    """A text about ``n`` things: ``one`` for exactly one of them, ``many`` otherwise; ``{n}`` is filled, too."""
    return t(one if n == 1 else many, n=n, **values)


def saved(text: str) -> str:
    """A text of core in this session's language, as a file has it: filled, without what it was filled from.

    It is told by the pattern of the table that it fits, of several by the one with the most words of its own. Its
    values stay as they are.
    """
    for fits, translation in _patterns(language()) if text not in table(language()) else ():
        if match := fits.fullmatch(text):
            return "".join(
                literal + (match[field] if field else "") for literal, field, _, _ in Formatter().parse(translation)
            )
    return t(text)


def labels(texts: Mapping[Any, str]) -> Callable[[Any], str]:
    """A ``format_func`` for a choice of values, each with its text.

    Streamlit calls such a function again when the browser reports a choice, which may be after the language was
    changed: so the words are looked up now. A value without a text is shown as it is.
    """
    ready = {value: t(text) for value, text in texts.items()}
    return lambda value: ready.get(value, str(value))


def duration(s: float) -> str:
    """A wait in this session's language: "2 min 05 s", "2분 05초"."""
    return t(units.duration(s))


@cache
def _patterns(code: str) -> Sequence[tuple[re.Pattern[str], str]]:
    """What the texts of a language fit that have places and enough words to be told by, each with its translation."""
    known = []
    for text, translation in table(code).items():
        parts = list(Formatter().parse(text))
        words = sum(letter.isalpha() for literal, *_ in parts for letter in literal)
        places = [field for _, field, _, _ in parts if field]
        if words >= _TOLD_BY and places and all(map(str.isidentifier, places)):  # those of a figure's hover are not
            known.append((words, _fits(parts), translation))
    return [(fits, translation) for _, fits, translation in sorted(known, key=lambda one: -one[0])]


def _fits(parts: Iterable[tuple[str, str | None, str | None, str | None]]) -> re.Pattern[str]:
    """An expression for a pattern: where it says how a number is written, only a number stands there."""
    pattern, seen = "", set[str]()
    for literal, field, form, _ in parts:
        pattern += re.escape(literal)
        if field:
            pattern += f"(?P={field})" if field in seen else f"(?P<{field}>{'[-+0-9.,%]+' if form else '.+?'})"
            seen.add(field)
    return re.compile(pattern, re.DOTALL)


@cache
def table(code: str) -> Mapping[str, str]:
    """English text to text in a language; empty for English itself."""
    if code not in _FOLDERS:
        return {}
    merged: dict[str, str] = {}
    for path in table_files(code):
        merged |= json.loads(path.read_text(encoding="utf-8"))
    return merged


def table_files(code: str) -> list[Path]:
    """The tables of a language, by name."""
    return sorted((Path(__file__).parent / _FOLDERS[code]).glob("*.json"))


def _fill(text: str, values: Mapping[str, object]) -> str:
    translated = {name: t(value) if isinstance(value, Message) else value for name, value in values.items()}
    return text.format(**translated) if translated else text
