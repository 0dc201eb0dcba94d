"""A race as plain data: what was changed, on what it ran, and every lane; what a person takes along."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from core.changes.change import Change
from core.changes.lanes import lanes_of
from core.corpus.types import Question
from core.evaluation.machine import machine, versions
from core.methods.resources import Resources

if TYPE_CHECKING:
    from core.changes.race import RaceConfig

FACTS = "race"
"""Under this name the first step of a race carries what it is about."""


def facts(resources: Resources, change: Change, config: RaceConfig, questions: Sequence[Question]) -> dict[str, Any]:
    """What a race is about and what it runs on."""
    lm, settings = resources.models.language_model(resources.reader), resources.settings
    return {
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "workspace": resources.workspace.name,
        "corpus": {"name": resources.corpus.name, "passages": len(resources.corpus.passages)},
        "change": asdict(change),
        "old_questions": len(questions),
        **asdict(config),
        "store": settings.store,
        "top_k": settings.top_k,
        "seed": settings.seed,
        "model": asdict(lm.identity),
        "machine": machine(lm.device),
        "versions": versions(),
    }


def report(history: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The race as it stands after some of its steps: ``facts`` and ``lanes``; empty before the first."""
    steps = list(history)
    about = next((step[FACTS] for step in steps if FACTS in step), None)
    return {**about, "lanes": [lane.to_json() for lane in lanes_of(steps)]} if about else {}
