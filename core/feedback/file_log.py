"""Feedback in the workspace: one line of JSON each, appended under a lock and synced."""

from __future__ import annotations

import os
from pathlib import Path

from filelock import FileLock

from core.errors import TesseraError
from core.feedback.base import Feedback, parse

FILE = "feedback.jsonl"


class FileFeedback:
    """The log of a workspace.

    Args:
        folder: The workspace's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lock = FileLock(folder / f".{FILE}.lock")

    def add(self, feedback: Feedback) -> None:
        """See ``FeedbackLog.add``."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._lock, self._path.open("ab+") as file:
                size = file.seek(0, os.SEEK_END)
                torn = size > 0 and _byte_at(self._path, size - 1) != b"\n"  # whoever wrote last was killed
                file.write((b"\n" if torn else b"") + feedback.to_json().encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise TesseraError(
                f"The feedback cannot be written to {self._path} ({error.strerror or error}).", "Free disk space."
            ) from error

    def all(self) -> list[Feedback]:
        """See ``FeedbackLog.all``; a line that a killed process left unfinished is passed over."""
        if not self._path.is_file():
            return []
        latest: dict[str, Feedback] = {}
        for line in self._path.read_bytes().split(b"\n"):
            found = _whole(line)
            if found:
                latest.pop(found.id, None)
                latest[found.id] = found
        return list(latest.values())


def _byte_at(path: Path, offset: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(1)


def _whole(line: bytes) -> Feedback | None:
    try:
        return parse(line) if line else None
    except ValueError:
        return None
