"""Escapes text from documents or models, so that Markdown shows it as it is."""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-!|~$<>:&])")
_SPACE = re.compile(r"\s+")


_COUNTED = re.compile(r"(?<==) (?=[\d.])|(?<= n) (?==)|(?<=\d) (?=[^\W\d])")


def unbroken(text: str) -> str:
    """Text in which a number stays on one line with what it counts: "n = 5", "1 thread"."""
    return _COUNTED.sub("\N{NO-BREAK SPACE}", text)


def escape(text: str) -> str:
    """Text that Markdown shows as it stands, on one line."""
    return _SPACE.sub(" ", _SPECIAL.sub(r"\\\1", text)).strip()


def escape_but_code(text: str) -> str:
    """The same, with what stands between backticks shown as code, where nothing acts either."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    shown = (f"`{part}`" if number % 2 else _SPECIAL.sub(r"\\\1", part) for number, part in enumerate(parts))
    return _SPACE.sub(" ", "".join(shown)).strip()
