"""XLSX, XLS and ODS: a section for each sheet, a record for each row, with the values that stand in the cells.

calamine reads them (in Rust, memory-safe; 80,000 cells in 0.2 seconds, where openpyxl takes 4). Formulas and macros are
not run: the values are those that were saved.
"""

from __future__ import annotations

import datetime
import io
from collections.abc import Iterator, Sequence
from typing import Any

from core.corpus.limits import MAX_PASSAGES, check_size, refused
from core.corpus.readers.archive import opened, unreadable
from core.corpus.readers.base import Document
from core.corpus.readers.outline import Outline, has_header
from core.messages import message


def read_spreadsheet(name: str, content: bytes) -> Document:
    """Reads the sheets of a workbook.

    Raises:
        CorpusError: It is damaged, protected with a password, has too many rows or unpacks to too much.
    """
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    check_size(name, len(content))
    if content.startswith(b"PK"):
        opened(name, content, "XLSX").close()
    outline = Outline(name)
    rows = 0
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        for title in book.sheet_names:
            outline.heading(1, title)
            table = [[_text(cell) for cell in row] for row in book.get_sheet_by_name(title).iter_rows()]
            rows += len(table)
            if rows > MAX_PASSAGES:
                why = message("has {n:,} rows, and {limit:,} is the limit", n=rows, limit=MAX_PASSAGES)
                raise refused(name, why, "Split it.")
            for block in _blocks(table):
                _add(outline, block)
    except PasswordError as error:
        raise refused(name, "is protected with a password", "Save a copy without one.") from error
    except (CalamineError, OSError, ValueError) as error:
        raise unreadable(name, "XLSX", error) from error
    return Document(outline.sections())


def _text(cell: Any) -> str:
    if isinstance(cell, float):
        return f"{cell:.15g}"
    if isinstance(cell, datetime.datetime) and not (cell.hour or cell.minute or cell.second):
        return cell.date().isoformat()
    if isinstance(cell, (datetime.datetime, datetime.time)):
        return cell.isoformat(sep=" ", timespec="minutes") if isinstance(cell, datetime.datetime) else f"{cell:%H:%M}"
    return str(cell).strip()


def _blocks(table: Sequence[list[str]]) -> Iterator[list[list[str]]]:
    """Rows between empty ones, without their empty columns: each of them is a table of its own, or a remark."""
    block: list[list[str]] = []
    for number, row in enumerate((*table, [])):
        if any(row):
            block.append(row)
        elif block and not (_names_only(block) and number + 1 < len(table) and _has_figures(table[number + 1])):
            used = [i for i in range(max(map(len, block))) if any(i < len(other) and other[i] for other in block)]
            yield [[other[i] if i < len(other) else "" for i in used] for other in block]
            block = []


def _names_only(block: Sequence[list[str]]) -> bool:
    """Whether rows are headers alone, which an empty row parts from what they name."""
    return sum(map(bool, block[-1])) > 1 and not any(map(_has_figures, block))


def _has_figures(row: Sequence[str]) -> bool:
    return sum(cell.lstrip("-").replace(".", "", 1).isdigit() for cell in row) > 1


def _is_title(block: Sequence[list[str]]) -> bool:
    """Whether the first row has one cell, or a few over a row of twice as many, one of which is a figure."""
    filled, *below = (sum(map(bool, row)) for row in block[:2])
    return filled == 1 or (bool(below) and 2 * filled <= below[0] and _has_figures(block[1]))


def _add(outline: Outline, block: list[list[str]]) -> None:
    """Lines of few cells above a table are its title or remarks, what follows is its header and its rows."""
    while block and len(block[0]) > 1 and _is_title(block):
        outline.paragraph("; ".join(filter(None, block.pop(0))))
    if block and len(block[0]) == 1:
        for (cell,) in block:
            outline.paragraph(cell)
    elif len(block) > 1:
        # The first row of a sheet names its columns, unless it plainly does not.
        names = [cell for cell in block[0] if cell]
        plain = len(set(names)) == len(names) and not any(name.replace(".", "").isdigit() for name in names)
        outline.table(block, has_header(block) or (plain and len(block) > 2))
    elif block:
        outline.table(block, header=False)
