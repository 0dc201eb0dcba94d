"""The log of a workspace, where the settings say."""

from __future__ import annotations

from core.feedback.base import FeedbackLog
from core.feedback.file_log import FileFeedback
from core.settings import Settings
from core.workspace import Workspace


def feedback_log(ws: Workspace, settings: Settings) -> FeedbackLog:
    """A file in the workspace, or Redis with TESSERA_FEEDBACK=redis."""
    if settings.feedback == "file":
        return FileFeedback(ws.path)
    from core.feedback.redis_log import RedisFeedback
    from core.redis.connection import connection
    from core.redis.kept_answers import key_of

    return RedisFeedback(connection(), key_of(ws))
