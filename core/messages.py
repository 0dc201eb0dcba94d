"""Translatable sentences with values.

Core writes English. A sentence whose values are filled in can no longer be looked up in a translation table, so text
for people is made by ``message``, which keeps pattern and values:

    message("{n:,} passages", n=1204)      -> "1,204 passages", an ordinary str with its pattern and values beside it

The translation tables belong to the fronts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class Message(str):
    """A text that remembers the pattern and the values that it was made from.

    Attributes:
        pattern: The text with its ``{places}``.
        values: What was filled in; a value that is a ``Message`` itself is translated, too.
    """

    pattern: str
    values: Mapping[str, object]

    def __new__(cls, pattern: str, values: Mapping[str, object] | None = None) -> Message:
        """Fills the pattern; one without values stands as it is, braces and all."""
        filled = super().__new__(cls, pattern.format(**values) if values else pattern)
        filled.pattern, filled.values = pattern, values or {}
        return filled


def message(pattern: str, /, **values: object) -> Message:
    """A pattern filled with values, to be translated later; a ``Message`` without values is returned as it is."""
    return pattern if isinstance(pattern, Message) and not values else Message(pattern, values)


def joined(separator: str, parts: Iterable[str]) -> Message:
    """Parts one after another; those that are ``Message`` can be translated."""
    named = {f"part{number}": part for number, part in enumerate(parts)}
    return Message(separator.replace("{", "{{").replace("}", "}}").join(f"{{{name}}}" for name in named), named)
