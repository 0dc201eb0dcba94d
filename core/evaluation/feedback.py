"""Feedback on answers: ratings, methods ranked by them, their export, and where they are stored (file or Redis)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Protocol

from filelock import FileLock

from core import jsonl
from core.csv_safe import csv_table
from core.digests import text_digest
from core.errors import TesseraError
from core.messages import message
from core.settings import Settings
from core.statistics import wilson
from core.stores.redis.answer_keys import feedback_key, key_of
from core.stores.redis.connection import connection, translating_errors
from core.units import timestamp
from core.workspace import Workspace

Rating = Literal[1, -1]
NOTE_LIMIT = 2_000
_COLUMNS = ("given", "asked", "method", "rating", "note", "question", "answer", "settings")


@dataclass(frozen=True)
class Feedback:
    """One person's rating of one answer.

    Attributes:
        rating: 1 for thumbs up, -1 for thumbs down.
        asked: Time of the question (UTC, ISO 8601); part of the answer's identity.

    Raises:
        TesseraError: The rating is neither 1 nor -1, or the note is too long.
    """

    question: str
    method: str
    answer: str
    rating: Rating
    note: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    asked: str = ""
    given: str = field(default_factory=timestamp)

    def __post_init__(self) -> None:
        if self.rating not in (1, -1):
            raise TesseraError(message("{rating!r} is no rating.", rating=self.rating), "Give 1 or -1.")
        if len(self.note) > NOTE_LIMIT:
            what = message("The note has {n:,} characters, and {limit:,} fit.", n=len(self.note), limit=NOTE_LIMIT)
            raise TesseraError(what, "Shorten the note.")

    @property
    def id(self) -> str:
        """Id of the rated answer: a second rating of the same answer replaces the first."""
        answer = json.dumps([self.asked, self.question, self.method, self.answer])
        return text_digest(answer, 24)


@dataclass(frozen=True)
class Rank:
    """Ratings of one method.

    Attributes:
        lower: Lower bound of the 95 % Wilson interval of the share of thumbs up, by which methods are ranked.
    """

    method: str
    up: int
    n: int
    lower: float
    upper: float


def rank(feedback: Sequence[Feedback]) -> list[Rank]:
    """Methods ranked by the lower bound, so that a single good rating does not lead."""
    counts = Counter(entry.method for entry in feedback)
    up = Counter(entry.method for entry in feedback if entry.rating > 0)
    ranks = [Rank(method, up[method], n, *wilson(up[method], n)) for method, n in counts.items()]
    return sorted(ranks, key=lambda entry: (-entry.lower, -entry.n, entry.method))


def to_json(feedback: Sequence[Feedback]) -> str:
    """A JSON list with one object per rating."""
    return json.dumps([asdict(entry) for entry in feedback], ensure_ascii=False, indent=1)


def to_csv(feedback: Sequence[Feedback]) -> str:
    """A CSV table with one row per rating."""
    settings = [json.dumps(dict(entry.settings), ensure_ascii=False) for entry in feedback]
    return csv_table(_COLUMNS, ({**asdict(entry), "settings": s} for entry, s in zip(feedback, settings, strict=True)))


FILE = "feedback.jsonl"
_FIELDS = tuple(field.name for field in fields(Feedback))
_TEXTS = tuple(name for name in _FIELDS if name not in ("rating", "settings"))


@dataclass(frozen=True)
class StoredFeedback:
    """The content of a log.

    Attributes:
        damaged: Number of further ratings that cannot be read.
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

    def all(self) -> StoredFeedback:
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

    def all(self) -> StoredFeedback:
        """See ``FeedbackLog.all``."""
        latest: dict[str, Feedback] = {}
        damaged = jsonl.damaged(self._path)
        for row in jsonl.read(self._path):
            if feedback := _read(row):
                latest.pop(feedback.id, None)
                latest[feedback.id] = feedback
            else:
                damaged += 1
        return StoredFeedback(list(latest.values()), damaged)


class RedisFeedback:
    """A Redis hash per workspace with an entry per rated answer, on the server that the environment names."""

    def __init__(self, workspace: str) -> None:
        self._server = connection()
        self._key = feedback_key(workspace)

    def add(self, feedback: Feedback) -> None:
        """See ``FeedbackLog.add``; the embedded server syncs its file before it acknowledges."""
        with translating_errors(self._server):
            self._server.client().hset(self._key, feedback.id, jsonl.encoded(asdict(feedback)))

    def all(self) -> StoredFeedback:
        """See ``FeedbackLog.all``."""
        with translating_errors(self._server):
            lines = self._server.client().hvals(self._key)
        rows = [jsonl.decoded(line) for line in lines]
        ratings = [feedback for row in rows if row and (feedback := _read(row))]
        return StoredFeedback(sorted(ratings, key=lambda entry: (entry.given, entry.id)), len(lines) - len(ratings))


def _read(row: Mapping[str, Any]) -> Feedback | None:
    """A stored rating; None if the row is damaged or from an incompatible earlier version."""
    try:
        feedback = Feedback(**{name: value for name, value in row.items() if name in _FIELDS})
    except (TypeError, TesseraError):
        return None
    return feedback if all(isinstance(getattr(feedback, name), str) for name in _TEXTS) else None
