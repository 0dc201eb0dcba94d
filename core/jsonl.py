"""Append-only logs, a JSON object per line: a kill costs at most the line that was being written."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_CHECK = "crc"
"""Field for the checksum of a row; what an earlier version appended has none."""


def append(path: Path, row: Mapping[str, Any], sync: bool = False) -> None:
    """Writes a row at the end; a line that a killed writer left open is ended first.

    Args:
        row: Plain data; what JSON does not know is written as text.
        sync: Whether to return only when the line would survive a loss of power.
    """
    line = encoded(row) + b"\n"
    with path.open("ab+") as log:
        if log.tell():
            log.seek(-1, os.SEEK_END)
            line = line if log.read(1) == b"\n" else b"\n" + line
        log.write(line)
        log.flush()
        if sync:
            os.fsync(log.fileno())


def read(path: Path, fields: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
    """The rows of a log, oldest first; damaged lines are passed over, and no file is no row.

    Args:
        fields: What every row has.
    """
    yield from (row for row in _rows(path, fields) if row is not None)


def damaged(path: Path, fields: tuple[str, ...] = ()) -> int:
    """How many lines of a log ``read`` passes over: cut short by a kill, or changed by a disk."""
    return sum(row is None for row in _rows(path, fields))


def encoded(row: Mapping[str, Any]) -> bytes:
    """A row as a line, with its checksum and without its end."""
    plain = json.loads(json.dumps(row, default=str))  # as it will be read
    text = json.dumps({**plain, _CHECK: _checksum(plain)}, ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def decoded(line: bytes, fields: tuple[str, ...] = ()) -> dict[str, Any] | None:
    """The row of a line; None where it is damaged or lacks one of ``fields``."""
    try:
        row = json.loads(line)
        check = row.pop(_CHECK, None)
    except (ValueError, AttributeError, TypeError):
        return None
    return row if check in (None, _checksum(row)) and all(name in row for name in fields) else None


def _rows(path: Path, fields: tuple[str, ...]) -> Iterator[dict[str, Any] | None]:
    for line in path.read_bytes().split(b"\n") if path.is_file() else ():
        if line:
            yield decoded(line, fields)


def _checksum(row: Mapping[str, Any]) -> str:
    content = json.dumps(row, sort_keys=True).encode("utf-8", "surrogatepass")
    return f"{zlib.crc32(content):08x}"
