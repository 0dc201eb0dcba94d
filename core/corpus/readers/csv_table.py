"""CSV and TSV: one passage a row, columns named in the first one."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from core.corpus.intake import decode, line_of, refused
from core.corpus.readers.base import Document
from core.corpus.readers.columns import Row, find_columns, to_document
from core.said import said

_DELIMITERS = ",;\t"


def read_csv(name: str, content: bytes) -> Document:
    """Reads a table separated by commas, semicolons or tabs, whichever its first line has most of.

    Raises:
        CorpusError: No column holds text, a row has another number of cells, or the quoting is broken.
    """
    return to_document(_rows(name, decode(name, content)))


def _rows(name: str, text: str) -> Iterator[Row]:
    delimiter = max(_DELIMITERS, key=text.split("\n", 1)[0].count)
    table = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    line = 1
    try:
        for cells in table:
            where = line_of(name, line)
            line = table.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = cells
                find_columns(header, where)
                continue
            if len(cells) != len(header):
                why = said("has {n} cells, but the table has {columns} columns", n=len(cells), columns=len(header))
                raise refused(where, why, "Put text that holds the separator in double quotes.")
            yield where, _first_of_each_name(header, cells)
    except csv.Error as error:
        raise refused(
            line_of(name, line), said("is no valid CSV ({error})", error=str(error)), "Check its quotes."
        ) from error


def _first_of_each_name(header: list[str], cells: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for column, cell in zip(header, cells, strict=True):
        values.setdefault(column, cell)
    return values
