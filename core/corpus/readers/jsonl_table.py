"""JSONL: one JSON object a line, one passage each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from core.corpus.intake import decode, line_of, refused
from core.corpus.readers.base import Document
from core.corpus.readers.columns import to_document
from core.said import said


def read_jsonl(name: str, content: bytes) -> Document:
    """Reads the objects of a file that has text, passage or content in each.

    Raises:
        CorpusError: A line is no JSON object or holds no text field.
    """
    return to_document(json_lines(name, content))


def json_lines(name: str, content: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where each object stands ("notes.jsonl, line 3,") and the object; empty lines are passed over.

    Raises:
        CorpusError: A line is not a JSON object.
    """
    for number, line in enumerate(decode(name, content).split("\n"), 1):
        if not line.strip():
            continue
        where = line_of(name, number)
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            why = said("is not JSON: {error} at character {n}", error=error.msg, n=error.colno)
            raise refused(where, why, "Write one JSON object on each line.") from error
        except (ValueError, RecursionError) as error:
            why = said("cannot be read as JSON: a number is too long or it is nested too deeply")
            raise refused(where, why, "Simplify the line.") from error
        if not isinstance(row, dict):
            why = said("holds {kind} instead of an object", kind=type(row).__name__)
            raise refused(where, why, "Write one JSON object on each line.")
        yield where, row
