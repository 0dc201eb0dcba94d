"""Sentences with values that can be said again in another language.

Core speaks English. A sentence whose values are filled in cannot be looked up in a table of words any more, so what
may be shown to people is filled by ``said`` and remembers how:

    message("{n:,} passages", n=1204)      -> "1,204 passages", an ordinary str with its pattern and values beside it

It knows no other language: whoever shows it has the tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class Message(str):
    """A text that remembers the pattern and the values that it was made from.

    Attributes:
        pattern: The text with its ``{places}``.
        values: What was filled in; a value that is ``Message`` itself is to be said in the other language, too.
    """

    pattern: str
    values: Mapping[str, object]

    def __new__(cls, pattern: str, values: Mapping[str, object] | None = None) -> Message:
        """Fills the pattern; one without values stands as it is, braces and all."""
        filled = super().__new__(cls, pattern.format(**values) if values else pattern)
        filled.pattern, filled.values = pattern, values or {}
        return filled


def message(pattern: str, /, **values: object) -> Message:
    """A pattern filled with values, which can be filled again in another language; what is ``Message`` stays so."""
    return pattern if isinstance(pattern, Message) and not values else Message(pattern, values)


def joined(separator: str, parts: Iterable[str]) -> Message:
    """Parts one after another, of which those that are ``Message`` can be said in another language.

    Args:
        separator: Stands between them as it is.
        parts: Words, sentences, or text that is never translated.
    """
    named = {f"part{number}": part for number, part in enumerate(parts)}
    return Message(separator.replace("{", "{{").replace("}", "}}").join(f"{{{name}}}" for name in named), named)
