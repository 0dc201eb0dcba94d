"""One judgement of one answer, and what every log of them can do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timezone
from typing import Any, Literal, Protocol

from core.errors import TesseraError

Rating = Literal[1, -1]
NOTE_LIMIT = 2_000


@dataclass(frozen=True)
class Feedback:
    """What one person thought of one answer.

    Attributes:
        question: What was asked.
        method: The arm that answered.
        answer: What it said.
        rating: 1 for thumbs up, -1 for thumbs down.
        note: Why, in the person's words; may be empty.
        settings: What the answer was made with: model, reader, number of passages and the like.
        asked: When the question was asked, UTC, ISO 8601; part of what identifies the answer.
        given: When it was judged.

    Raises:
        TesseraError: The rating is neither, or the note is too long.
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
            raise TesseraError(f"{self.rating!r} is no rating.", "Give 1 or -1.")
        if len(self.note) > NOTE_LIMIT:
            raise TesseraError(
                f"The note has {len(self.note):,} characters, and {NOTE_LIMIT:,} fit.", "Shorten the note."
            )

    @property
    def id(self) -> str:
        """What was judged: a second judgement of the same answer takes the place of the first."""
        judged = json.dumps([self.asked, self.question, self.method, self.answer])
        return hashlib.sha256(judged.encode()).hexdigest()[:24]

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self))


class FeedbackLog(Protocol):
    """Judgements that are kept. ``add`` returns when they would survive a crash."""

    def add(self, feedback: Feedback) -> None:
        """Keeps a judgement, in place of an earlier one of the same answer.

        Raises:
            TesseraError: It cannot be kept.
        """
        ...

    def all(self) -> list[Feedback]:
        """Everything that was kept, oldest first."""
        ...


def parse(line: str | bytes) -> Feedback:
    """A judgement from its line of JSON.

    Raises:
        ValueError: It is none.
    """
    facts = json.loads(line)
    if not isinstance(facts, dict) or set(facts) != {entry.name for entry in fields(Feedback)}:
        raise ValueError("not a judgement")
    return Feedback(**facts)
