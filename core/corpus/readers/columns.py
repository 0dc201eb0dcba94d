"""Rows of tables: which column means what, and what a row says. Shared by CSV, JSONL and Parquet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.corpus.intake import MAX_PASSAGES, clean, clean_title, refused
from core.corpus.readers.base import Document, Section
from core.said import said

ROLES = {"text": ("text", "passage", "content"), "title": ("title",), "id": ("id",), "topic": ("topic",)}
Row = tuple[str, Mapping[str, Any]]
"""Where it stands ("notes.csv, line 3,") and its values by column name."""


def find_columns(names: Sequence[str], where: str) -> dict[str, str]:
    """Role to column name; letter case and outer space do not matter.

    Raises:
        CorpusError: No column holds text; the message names the columns found.
    """
    by_key = {name.strip().casefold(): name for name in reversed(names)}
    columns = {
        role: next(by_key[key] for key in keys if key in by_key)
        for role, keys in ROLES.items()
        if any(key in by_key for key in keys)
    }
    if "text" not in columns:
        found = ", ".join(clean_title(name, where) or "(no name)" for name in names[:12]) or "none"
        why = said("has no column for the text; its columns are: {columns}", columns=found)
        *names, last = ROLES["text"]
        raise refused(where, why, said("Name one of them {names} or {last}.", names=", ".join(names), last=last))
    return columns


def to_document(rows: Iterable[Row]) -> Document:
    """Sections of all rows that hold text.

    Raises:
        CorpusError: A value is not text, an id comes twice, or there are more than ``MAX_PASSAGES`` rows.
    """
    sections: list[Section] = []
    seen: dict[str, str] = {}
    blank = 0
    columns: dict[tuple[str, ...], dict[str, str]] = {}
    for where, values in rows:
        names = tuple(values)
        if names not in columns:
            columns[names] = find_columns(names, where)
        section = _section(where, values, columns[names])
        if not section.text:
            blank += 1
            continue
        if section.id and section.id in seen:
            why = said("repeats the id {id!r} of {other}", id=section.id, other=seen[section.id])
            raise refused(where, why, "Give each row its own id.")
        seen[section.id] = where.rstrip(",")
        sections.append(section)
        if len(sections) > MAX_PASSAGES:
            raise refused(where, said("goes beyond {n:,} passages", n=MAX_PASSAGES), "Split the file.")
    return Document(tuple(sections), said("{n} rows without text were left out", n=blank) if blank else "")


def _section(where: str, values: Mapping[str, Any], columns: Mapping[str, str]) -> Section:
    def value(role: str) -> str:
        found = values.get(columns[role]) if role in columns else None
        if found is None:
            return ""
        if isinstance(found, int) and not isinstance(found, bool) and role != "text":
            return str(found)
        if not isinstance(found, str):
            why = said("has {kind} in {field!r} instead of text", kind=type(found).__name__, field=columns[role])
            raise refused(where, why, "Correct the row.")
        return clean(found, where) if role == "text" else clean_title(found, where)

    return Section(text=value("text"), title=value("title"), id=value("id"), topic=value("topic"))
