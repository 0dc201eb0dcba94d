"""Feedback as files for other programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict

from core.feedback.base import Feedback
from core.spreadsheet import harmless

COLUMNS = ("given", "asked", "method", "rating", "note", "question", "answer", "settings")


def to_json(feedback: Sequence[Feedback]) -> str:
    """A list of objects."""
    return json.dumps([asdict(found) for found in feedback], ensure_ascii=False, indent=1)


def to_csv(feedback: Sequence[Feedback]) -> str:
    """A row for each; cells that a spreadsheet would run as a formula are kept as text."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS)
    writer.writeheader()
    for found in feedback:
        row = {**asdict(found), "settings": json.dumps(dict(found.settings), ensure_ascii=False)}
        writer.writerow({name: harmless(row[name]) for name in COLUMNS})
    return buffer.getvalue()
