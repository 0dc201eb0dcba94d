"""Storage of feedback: in a file of the workspace, or in Redis with TESSERA_FEEDBACK=redis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock

from core import jsonl
from core.errors import TesseraError
from core.evaluation.feedback import Feedback
from core.messages import message
from core.settings import Settings
from core.stores.redis.answer_keys import feedback_key, key_of
from core.stores.redis.connection import connection, translating_errors
from core.workspace import Workspace

FILE = "feedback.jsonl"
_FIELDS = tuple(field.name for field in fields(Feedback))
_TEXTS = tuple(name for name in _FIELDS if name not in ("rating", "settings"))


@dataclass(frozen=True)
class Kept:
    """What a log holds.

    Attributes:
        feedback: Judgements, oldest first.
        damaged: How many more there were that can no longer be read.
    """

    feedback: list[Feedback]
    damaged: int


class FeedbackLog(Protocol):
    """Stored feedback. ``add`` is durable: what it returned from survives a crash."""

    def add(self, feedback: Feedback) -> None:
        """Stores a rating and replaces an earlier one of the same answer.

        Raises:
            TesseraError: It cannot be stored.
        """
        ...

    def all(self) -> Kept:
        """All feedback that can be read."""
        ...


def feedback_log(ws: Workspace, settings: Settings) -> FeedbackLog:
    """The log of a workspace."""
    if settings.feedback == "file":
        return FileFeedback(ws.path)
    return RedisFeedback(key_of(ws))


class FileFeedback:
    """One line of JSON each, appended under a lock and synced."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lock = FileLock(folder / f".{FILE}.lock")

    def add(self, feedback: Feedback) -> None:
        """See ``FeedbackLog.add``."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._lock:
                jsonl.append(self._path, asdict(feedback), sync=True)
        except OSError as error:
            why = error.strerror or str(error)
            what = message("The feedback cannot be written to {path} ({why}).", path=self._path, why=why)
            raise TesseraError(what, "Free disk space.") from error

    def all(self) -> Kept:
        """See ``FeedbackLog.all``."""
        latest: dict[str, Feedback] = {}
        damaged = jsonl.damaged(self._path)
        for row in jsonl.read(self._path):
            if feedback := _read(row):
                latest.pop(feedback.id, None)
                latest[feedback.id] = feedback
            else:
                damaged += 1
        return Kept(list(latest.values()), damaged)


class RedisFeedback:
    """A Redis hash per workspace with an entry per rated answer, on the server that the environment names.

    Args:
        workspace: See ``core.stores.redis.answer_keys.key_of``.
    """

    def __init__(self, workspace: str) -> None:
        self._server = connection()
        self._key = feedback_key(workspace)

    def add(self, feedback: Feedback) -> None:
        """See ``FeedbackLog.add``; the embedded server syncs its file before it acknowledges."""
        with translating_errors(self._server):
            self._server.client().hset(self._key, feedback.id, jsonl.encoded(asdict(feedback)))

    def all(self) -> Kept:
        """See ``FeedbackLog.all``."""
        with translating_errors(self._server):
            lines = self._server.client().hvals(self._key)
        rows = [jsonl.decoded(line) for line in lines]
        found = [feedback for row in rows if row and (feedback := _read(row))]
        return Kept(sorted(found, key=lambda entry: (entry.given, entry.id)), len(lines) - len(found))


def _read(row: Mapping[str, Any]) -> Feedback | None:
    """A judgement as it was kept; None where it is damaged, which a row of an earlier version can be unnoticed."""
    try:
        feedback = Feedback(**{name: value for name, value in row.items() if name in _FIELDS})
    except (TypeError, TesseraError):
        return None
    return feedback if all(isinstance(getattr(feedback, name), str) for name in _TEXTS) else None
