"""The words of the app in every language it speaks.

English stands in the code and is the key; another language is a folder of JSON tables from English to that language,
one table per part of the app:

    t("Ask a question")                                -> "질문하기"
    t("{seconds} s left", seconds=4)                   -> "4초 남음"
    tn(3, "{n:,} passage", "{n:,} passages")           -> "문단 3개"

Text of documents, questions, answers and code is never translated. What a table lacks is shown in English;
``tests/app/words`` holds that nothing is lacking.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import streamlit as st

LANGUAGES: Mapping[str, str] = {"en": "English", "ko": "한국어"}
"""Code and own name of every language."""
KEY = "language"
PARAM = "lang"
_FOLDERS = {"ko": "korean"}


def language() -> str:
    """Code of this session's language: as chosen, else as linked, else the browser's, else English."""
    for found in (st.session_state.get(KEY), st.query_params.get(PARAM), browser_language()):
        if found in LANGUAGES:
            return str(found)
    return "en"


def browser_language() -> str:
    """The language that the browser asks for ("ko-KR" is "ko"); empty where there is no browser."""
    return str(st.context.locale or "").partition("-")[0].lower()


def t(text: str, /, **values: object) -> str:
    """A text in this session's language, its ``{places}`` filled with values when any are given."""
    return _fill(table(language()).get(text, text), values)


def tn(n: int, one: str, many: str, /, **values: object) -> str:
    """A text about ``n`` things: ``one`` for exactly one of them, ``many`` otherwise; ``{n}`` is filled, too."""
    return t(one if n == 1 else many, n=n, **values)


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
    return text.format(**values) if values else text
