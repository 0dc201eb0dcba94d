"""Cells of tables that people open in a spreadsheet."""

from __future__ import annotations

from typing import TypeVar

Value = TypeVar("Value")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def harmless(value: Value) -> Value | str:
    """A cell that no spreadsheet runs as a formula: one that begins like one is kept as text.

    See https://owasp.org/www-community/attacks/CSV_Injection; programs that fold wide characters take the wide signs
    for the plain ones.
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
