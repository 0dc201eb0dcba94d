"""CSV tables that no spreadsheet takes for formulas."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

Value = TypeVar("Value")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def csv_table(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """A line for each row, under a line of names; what a row lacks stays empty, and no cell is run as a formula."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns)
    writer.writeheader()
    writer.writerows({name: harmless(value) for name, value in row.items()} for row in rows)
    return buffer.getvalue()


def harmless(value: Value) -> Value | str:
    """A cell that no spreadsheet runs as a formula: one that begins like one is kept as text.

    See https://owasp.org/www-community/attacks/CSV_Injection; programs that fold wide characters take the wide signs
    for the plain ones.
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
