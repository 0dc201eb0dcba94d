"""A race as plain data for export: the change, the models and machine, and every result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from core.corpus.types import Question
from core.labs.changes.change import Change
from core.labs.changes.results import results_of
from core.labs.changes.updaters.registry import DEFAULT_METHODS
from core.methods.resources import Resources
from core.models.device import describe
from core.models.machine import machine, versions
from core.units import timestamp

FACTS = "race"
"""Under this name the first step of a race carries what it is about."""


@dataclass(frozen=True)
class RaceConfig:
    """The methods of a race, and its length.

    Attributes:
        methods: Names in ``UPDATERS``, in the order in which they run.
        steps: Most optimiser steps of a method that learns.
        every: Steps after which such a method is asked again.
    """

    methods: tuple[str, ...] = DEFAULT_METHODS
    steps: int = 50
    every: int = 5


def facts(resources: Resources, change: Change, config: RaceConfig, questions: Sequence[Question]) -> dict[str, Any]:
    """The change, the models and the machine of a race."""
    lm, settings = resources.language_model(), resources.settings
    return {
        "created": timestamp(),
        "workspace": resources.workspace.name,
        "corpus": {"name": resources.corpus.name, "passages": len(resources.corpus.passages)},
        "change": asdict(change),
        "old_questions": len(questions),
        **asdict(config),
        "store": settings.store,
        "top_k": settings.top_k,
        "seed": settings.seed,
        "model": asdict(lm.identity),
        "machine": machine(describe(lm.device)),
        "versions": versions(),
    }


def report(history: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The race as it stands after some of its steps: ``facts`` and ``results``; empty before the first."""
    steps = list(history)
    about = next((step[FACTS] for step in steps if FACTS in step), None)
    return {**about, "results": [result.to_json() for result in results_of(steps)]} if about else {}
