"""What a judge has said of a run's answers: ``judged.jsonl``, an object a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FILE = "judged.jsonl"
Place = tuple[str, str, str]
"""Arm, its key, and question id: which answer."""


def place_of(row: Mapping[str, Any]) -> Place:
    """Which answer a line of answers.jsonl or of judged.jsonl is about."""
    return row["arm"], row["key"], row["question_id"]


def judged_rows(folder: Path) -> dict[Place, dict[str, float]]:
    """Scores by answer; none where nobody has judged. A last line cut short by a kill is passed over."""
    path = folder / FILE
    found: dict[Place, dict[str, float]] = {}
    for line in path.read_bytes().split(b"\n") if path.is_file() else ():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        found[place_of(row)] = row["scores"]
    return found
