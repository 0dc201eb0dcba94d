"""Tables: CSV, TSV and JSONL, one passage a row; which column means what, shared with JSON and Parquet."""

from __future__ import annotations

import csv
import io
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import chain, islice
from typing import Any

import regex

from core.corpus.limits import MAX_LINE, MAX_PASSAGES, clean, clean_title, line_of, refused
from core.corpus.published import gather, recognise
from core.corpus.readers.base import DEFAULT_COLUMNS, ColumnChoice, Columns, ColumnsUnknown, Document, Section
from core.corpus.readers.encodings import decode
from core.errors import CorpusError
from core.messages import message

ROLES = {
    "text": ("text", "passage", "content", "contents", "page_content", "document", "본문", "내용"),
    "title": ("title", "제목"),
    "id": ("id", "_id", "doc_id", "docid", "passage_id"),
    "topic": ("topic",),
}
Row = tuple[str, Mapping[str, Any]]
"""Where it stands ("notes.csv, line 3,") and its values by column name."""
_DELIMITERS = ",;\t|"
_PREVIEWED = 5
_MOST_SHOWN = 30
_MAX_UNPACKED = 200 * 1024 * 1024
_SEPARATOR_LINE = regex.compile(r"sep=(?<separator>.)\n", regex.IGNORECASE)


def find_columns(names: Sequence[str], where: str, columns: Columns = DEFAULT_COLUMNS) -> dict[str, str]:
    """Role to column name; letter case and outer space do not matter.

    Raises:
        CorpusError: No column holds text, or a chosen one is not there; the message names the columns found.
    """
    by_key = {name.strip().casefold(): name for name in reversed(names)}
    chosen = {role: name for role, name in asdict(columns).items() if name}
    for name in chosen.values():
        if name.strip().casefold() not in by_key:
            listed = _listed(names, where)
            why = message("has no column {name!r}; its columns are: {columns}", name=name, columns=listed)
            raise refused(where, why, "Choose one of them.")
    columns_by_role = {
        role: next(by_key[key] for key in keys if key in by_key)
        for role, keys in ROLES.items()
        if any(key in by_key for key in keys)
    }
    columns_by_role |= {role: by_key[name.strip().casefold()] for role, name in chosen.items()}
    if "text" not in columns_by_role:
        why = message("has no column for the text; its columns are: {columns}", columns=_listed(names, where))
        raise refused(where, why, "Choose the column that holds it, or call it text, passage or content.")
    return columns_by_role


def _listed(names: Sequence[str], where: str) -> str:
    return ", ".join(clean_title(name, where) or "(no name)" for name in names[:12]) or "none"


def to_document(name: str, rows: Iterable[Row], columns: Columns = DEFAULT_COLUMNS, note: str = "") -> Document:
    """Sections of all rows that hold text; passages and questions where the rows are those of a known data set.

    Raises:
        CorpusError: A value is not text, an id comes twice, or there are more than ``MAX_PASSAGES`` rows.
        ColumnsUnknown: No column is known to hold the text.
    """
    remaining = iter(rows)
    head = list(islice(remaining, _PREVIEWED))
    convert = recognise(head[0][1]) if head and columns == DEFAULT_COLUMNS else None
    if convert:
        gathered = gather(name, chain(head, remaining), convert, MAX_PASSAGES)
        passages = gathered.passages.values()
        sections = tuple(Section(passage.text, passage.title, passage.id) for passage in passages)
        return Document(sections, note, questions=gathered.splits())
    sections, blank = _sections(chain(head, remaining), head, columns)
    left_out = message("{n} rows without text were left out", n=blank) if blank else ""
    both = message("{first}; {second}", first=note, second=left_out) if note and left_out else note or left_out
    return Document(sections, both)


def _sections(rows: Iterable[Row], head: Sequence[Row], columns: Columns) -> tuple[tuple[Section, ...], int]:
    sections: list[Section] = []
    seen: dict[str, str] = {}
    blank = 0
    known: dict[tuple[str, ...], dict[str, str]] = {}
    for where, values in rows:
        names = tuple(values)
        if names not in known:
            following = ((at, list(row.values())) for at, row in head if tuple(row) == names)
            known[names] = known_columns(where, names, columns, following)
        section = _section(where, values, known[names])
        if not section.text:
            blank += 1
            continue
        if section.id and section.id in seen:
            why = message("repeats the id {id!r} of {other}", id=section.id, other=seen[section.id])
            raise refused(where, why, "Give each row its own id.")
        seen[section.id] = where.rstrip(",")
        sections.append(section)
        if len(sections) > MAX_PASSAGES:
            raise refused(where, message("goes beyond {n:,} passages", n=MAX_PASSAGES), "Split the file.")
    return tuple(sections), blank


def known_columns(
    where: str, names: Sequence[str], columns: Columns, following: Iterable[tuple[str, Sequence[Any]]]
) -> dict[str, str]:
    """``find_columns``, with the first rows and a proposal to choose from.

    Raises:
        ColumnsUnknown: No column is known to hold the text, or a chosen one is not there.
    """
    try:
        return find_columns(names, where, columns)
    except CorpusError as error:
        rows = [[clean_title(str(value), where) for value in values] for _, values in islice(following, _PREVIEWED)]
        shown = [[*row, *[""] * len(names)][: min(len(names), _MOST_SHOWN)] for row in rows]
        named = [clean_title(name, where) for name in names[:_MOST_SHOWN]]
        lengths = {name: sum(len(row[i]) for row in shown) for i, name in enumerate(named) if name}
        proposed = max(lengths, key=lambda name: lengths[name], default="")
        choice = ColumnChoice(tuple(named), tuple(map(tuple, shown)), proposed)
        raise ColumnsUnknown(error.what, error.remedy, choice) from error


def _section(where: str, values: Mapping[str, Any], columns: Mapping[str, str]) -> Section:
    def value(role: str) -> str:
        cell = values.get(columns[role]) if role in columns else None
        if cell is None:
            return ""
        if isinstance(cell, int) and not isinstance(cell, bool) and role != "text":
            return str(cell)
        if not isinstance(cell, str):
            why = message("has {kind} in {field!r} instead of text", kind=type(cell).__name__, field=columns[role])
            raise refused(where, why, "Correct the row.")
        return clean(cell, where) if role == "text" else clean_title(cell, where)

    return Section(
        text=value("text"), title=value("title") or _title_within(values, where), id=value("id"), topic=value("topic")
    )


def _title_within(values: Mapping[str, Any], where: str) -> str:
    """The title, or else the source, that LangChain and BEIR keep under ``metadata``."""
    metadata = values.get("metadata")
    if not isinstance(metadata, Mapping):
        return ""
    title = metadata.get("title") or metadata.get("source")
    return clean_title(title, where) if isinstance(title, str) else ""


def read_csv(name: str, content: bytes, columns: Columns = DEFAULT_COLUMNS) -> Document:
    """Reads a table separated by commas, semicolons, tabs or bars, whichever its first line has most of.

    Excel's first line "sep=;" is obeyed, empty lines before the header are passed over.

    Raises:
        CorpusError: No column holds text, a row has another number of cells, or the quoting is broken.
    """
    text, note = decode(name, content)
    return to_document(name, _csv_rows(name, text, columns), columns, note)


def read_tsv(name: str, content: bytes, columns: Columns = DEFAULT_COLUMNS) -> Document:
    """Reads a table separated by tabs, in which a quotation mark is a letter like others.

    Raises:
        CorpusError: No column holds text, or a row has another number of cells.
    """
    text, note = decode(name, content)
    lines = ((line_of(name, number), line) for number, line in enumerate(text.split("\n"), 1))
    cells = ((where, [_unquoted(cell) for cell in line.split("\t")]) for where, line in lines)
    return to_document(name, _table_rows(cells, columns, "Remove the tab, or export the table as CSV."), columns, note)


def _unquoted(cell: str) -> str:
    """A cell that a spreadsheet put into quotation marks as a whole, because it holds some."""
    inner = cell[1:-1]
    if len(cell) > 1 and cell[0] == cell[-1] == '"' and '""' in inner and '"' not in inner.replace('""', ""):
        return inner.replace('""', '"')
    return cell


def _csv_rows(name: str, text: str, columns: Columns) -> Iterator[Row]:
    csv.field_size_limit(MAX_LINE)
    skipped = 0
    marked = _SEPARATOR_LINE.match(text)
    if marked:
        text, skipped = text[marked.end() :], 1
    first = next((line for line in text.split("\n") if line.strip()), "")
    unquoted = "".join(first.split('"')[::2])
    delimiter = marked["separator"] if marked else max(_DELIMITERS, key=unquoted.count)
    yield from _table_rows(_csv_cells(name, text, delimiter, skipped), columns, _QUOTE_IT)


_QUOTE_IT = "Put text that holds the separator in double quotes."


def _csv_cells(name: str, text: str, delimiter: str, skipped: int) -> Iterator[tuple[str, list[str]]]:
    table = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1 + skipped
    try:
        for cells in table:
            yield line_of(name, line), cells
            line = table.line_num + 1 + skipped
    except csv.Error as error:
        if "field larger than" in str(error):
            why = message("has a cell of more than {n:,} characters", n=MAX_LINE)
            raise refused(line_of(name, line), why, "Break it into several rows.") from error
        raise refused(
            line_of(name, line), message("is no valid CSV ({error})", error=str(error)), "Check its quotes."
        ) from error


def _table_rows(rows: Iterable[tuple[str, list[str]]], columns: Columns, remedy: str) -> Iterator[Row]:
    header: list[str] | None = None
    filled = ((where, cells) for where, cells in rows if any(cell.strip() for cell in cells))
    for where, cells in filled:
        if header is None:
            header = cells
            known_columns(where, header, columns, filled)
            continue
        if len(cells) != len(header):
            why = message("has {n} cells, but the table has {columns} columns", n=len(cells), columns=len(header))
            raise refused(where, why, remedy)
        yield where, _first_of_each_name(header, cells)


def _first_of_each_name(header: list[str], cells: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for column, cell in zip(header, cells, strict=True):
        values.setdefault(column, cell)
    return values


def read_jsonl(name: str, content: bytes, columns: Columns = DEFAULT_COLUMNS) -> Document:
    """Reads the objects of a file, one a line, plain or packed with gzip.

    Raises:
        CorpusError: A line is no JSON object or holds no text field.
    """
    text, note = decode(name, _unpacked(name, content))
    return to_document(name, _json_lines(name, text), columns, note)


def json_lines(name: str, content: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where each object stands ("notes.jsonl, line 3,") and the object; empty lines are passed over.

    Raises:
        CorpusError: A line is not a JSON object.
    """
    return _json_lines(name, decode(name, content)[0])


def _unpacked(name: str, content: bytes) -> bytes:
    """Unpacks gzip, up to a size limit; other content is returned unchanged."""
    if not content.startswith(b"\x1f\x8b"):
        return content
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = stream.decompress(content, _MAX_UNPACKED)
    except zlib.error as error:
        raise refused(name, message("is no readable gzip ({error})", error=str(error)), "Pack it again.") from error
    if stream.unconsumed_tail or stream.unused_data:
        why = message("goes beyond {n:,.0f} MB of text", n=_MAX_UNPACKED / 2**20)
        raise refused(name, why, "Split it.")
    return plain


def _json_lines(name: str, text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        where = line_of(name, number)
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            why = message("is not JSON: {error} at character {n}", error=error.msg, n=error.colno)
            raise refused(where, why, "Write one JSON object on each line.") from error
        except (ValueError, RecursionError) as error:
            why = message("cannot be read as JSON: a number is too long or it is nested too deeply")
            raise refused(where, why, "Simplify the line.") from error
        if not isinstance(row, dict):
            why = message("holds {kind} instead of an object", kind=type(row).__name__)
            raise refused(where, why, "Write one JSON object on each line.")
        yield where, row
