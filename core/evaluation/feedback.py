"""Feedback on answers: ratings, methods ranked by ratings, and export as JSON and CSV."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import Any, Literal

from core.csv_safe import csv_table
from core.errors import TesseraError
from core.messages import message
from core.statistics import wilson

Rating = Literal[1, -1]
NOTE_LIMIT = 2_000
_COLUMNS = ("given", "asked", "method", "rating", "note", "question", "answer", "settings")


@dataclass(frozen=True)
class Feedback:
    """One person's rating of one answer.

    Attributes:
        rating: 1 for thumbs up, -1 for thumbs down.
        asked: Time of the question (UTC, ISO 8601); part of the answer's identity.
        given: Time of the rating.

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
    given: str = field(default_factory=lambda: datetime.now(timezone.utc).isoformat(timespec="seconds"))

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
        return hashlib.sha256(answer.encode()).hexdigest()[:24]


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
