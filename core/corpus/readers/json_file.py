"""JSON: a data set of questions as its authors publish it, or a list of objects that are passages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from core.corpus.limits import other_fields, refused
from core.corpus.published import squad_rows
from core.corpus.readers.base import DEFAULT_COLUMNS, Columns, Document
from core.corpus.readers.encodings import decode
from core.corpus.readers.tables import Row, to_document
from core.messages import message


def read_json(name: str, content: bytes, columns: Columns = DEFAULT_COLUMNS) -> Document:
    """Reads a JSON file.

    Raises:
        CorpusError: It is not JSON, or holds nothing that can be taken for passages.
    """
    text, note = decode(name, content, longest_line=len(content))
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        why = message("is not JSON: {error} in line {n}", error=error.msg, n=error.lineno)
        raise refused(name, why, "Export it again.") from error
    except (ValueError, RecursionError) as error:
        why = message("cannot be read as JSON: a number is too long or it is nested too deeply")
        raise refused(name, why, "Simplify the file.") from error
    return to_document(name, _rows(name, value), columns, note)


def _rows(name: str, value: Any) -> Iterator[Row]:
    """Rows of a list, of the one list of an object, or of a SQuAD file; an object by itself is one row."""
    if isinstance(value, Mapping):
        lists = [
            entry for entry in value.values() if isinstance(entry, list) and entry and isinstance(entry[0], Mapping)
        ]
        data = value.get("data")
        if isinstance(data, list) and data and isinstance(data[0], Mapping) and "paragraphs" in data[0]:
            try:
                yield from ((name, row) for row in squad_rows(data))
            except (KeyError, TypeError, AttributeError) as error:
                raise other_fields(name, error, "Export it again.") from error
            return
        value = lists[0] if len(lists) == 1 else [value]
    if not isinstance(value, list):
        why = message("holds {kind} instead of an object", kind=type(value).__name__)
        raise refused(name, why, "Write a list of JSON objects.")
    for number, row in enumerate(value, 1):
        where = message("{name}, row {n},", name=name, n=number)
        if not isinstance(row, Mapping):
            why = message("holds {kind} instead of an object", kind=type(row).__name__)
            raise refused(where, why, "Write a list of JSON objects.")
        yield where, row
