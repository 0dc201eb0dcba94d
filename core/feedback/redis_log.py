"""Feedback in Redis: one hash for each workspace, an entry for each judged answer."""

from __future__ import annotations

from core.feedback.base import Feedback, parse
from core.redis.connection import Connection, speaking


class RedisFeedback:
    """The log of a workspace on a server.

    Args:
        server: The way to Redis.
        workspace: See ``core.redis.kept_answers.key_of``.
    """

    def __init__(self, server: Connection, workspace: str) -> None:
        self._server = server
        self._key = f"tessera-feedback:{workspace}"

    def add(self, feedback: Feedback) -> None:
        """See ``FeedbackLog.add``; the embedded server syncs its file before it acknowledges."""
        with speaking(self._server):
            self._server.client().hset(self._key, feedback.id, feedback.to_json())

    def all(self) -> list[Feedback]:
        """See ``FeedbackLog.all``."""
        with speaking(self._server):
            lines = self._server.client().hvals(self._key)
        return sorted((parse(line) for line in lines), key=lambda found: (found.given, found.id))
