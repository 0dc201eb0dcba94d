"""The measurements that the tour shows, as recorded by ``python -m app.learn.record``."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from core.corpus.sample import SAMPLE, load_sample
from core.corpus.types import Question
from core.evaluation.lessons import candidates, lesson_rows

RECORD = SAMPLE / "learn.json"


@cache
def recorded(part: str) -> dict[str, Any]:
    """One part of the record, with ``measured``: when, on which machine, with which model and artefacts."""
    record: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8"))[part]
    return record


@cache
def tour_question() -> Question:
    """The question of the tour: the first lesson of the sample."""
    first = lesson_rows()[0]["question_id"]
    return next(question for question in candidates(load_sample()) if question.id == first)
