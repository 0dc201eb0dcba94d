"""The live change race: one document changes, and every arm is watched until it first answers right about it.

    for step in race(Resources(ws, models), change, RaceConfig(), questions):
        lanes = ...                                          # step.data["lane"], see core.changes.lanes

One arm after another, each in a throw-away copy of the workspace, on a clock of its own that runs while the arm works.
Before the change every arm is opened, warmed and asked all questions; none of that is timed.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core.changes.change import Change
from core.changes.clock import Clock
from core.changes.copies import copy_of, throwaway_folder
from core.changes.damage import compare
from core.changes.lanes import DATA, Attempt, Damage, Lane
from core.changes.report import FACTS, facts
from core.changes.takers.base import Place, Taker
from core.changes.takers.registry import TAKERS, WAYS
from core.corpus.types import Question
from core.errors import TesseraError
from core.jobs import Progress, Work
from core.kvcache.variants import variant_folder
from core.methods import registry
from core.methods.base import Answer, Method, answer
from core.methods.resources import Resources
from core.said import said
from core.workspace import VARIED

ASK = "ask"
"""Name of the stage in which the question is answered."""


@dataclass(frozen=True)
class RaceConfig:
    """Who runs, and for how long.

    Attributes:
        arms: Names in ``TAKERS``, in the order in which they run.
        steps: Most optimiser steps of an arm that learns.
        every: Steps after which such an arm is asked again.
    """

    arms: tuple[str, ...] = WAYS
    steps: int = 50
    every: int = 5


def race(resources: Resources, change: Change, config: RaceConfig, questions: Sequence[Question] = ()) -> Work:
    """Makes a change in every arm and watches when it is known and what it breaks. The workspace stays as it is.

    Args:
        resources: The workspace, held for writing meanwhile, and the models.
        change: What changes.
        config: Who runs.
        questions: Old questions, asked before and after; see ``core.changes.damage.old_questions``.

    Yields:
        Progress; first with what the race is about (see ``core.changes.report``), then with the lane that has moved.

    Raises:
        TesseraError: The change cannot be made, or no arm could run.
        WorkspaceBusy: Something is being built in the workspace.
    """
    change.check(resources.corpus)
    yield Progress("Loading the models", 0, 1)
    yield Progress("Loading the models", 1, 1, "", {FACTS: facts(resources, change, config, questions)})
    ws = resources.workspace
    refused: list[TesseraError] = []
    with ws.lock(), throwaway_folder(ws) as folder:
        for arm in config.arms:
            try:
                yield from _run(resources, change, config, tuple(questions), arm, folder / arm)
            except TesseraError as error:
                refused.append(error)
                lane = Lane(arm, "refused", reason=error.told)
                yield Progress(_stage(arm, "refused"), 1, 1, error.what, {DATA: lane})
    if refused and len(refused) == len(config.arms):
        raise refused[0]


def _run(
    resources: Resources, change: Change, config: RaceConfig, questions: tuple[Question, ...], arm: str, folder: Path
) -> Work:
    lane = Lane(arm)
    yield Progress(_stage(arm, "getting ready"), 0, 1, "", {DATA: lane})
    place = _place(resources, config, arm, folder)
    taker = TAKERS[arm].make(place)
    clock = Clock(resources.models.lock, resources.models.language_model(resources.reader).synchronise)
    try:
        with resources.models.lock:
            method = taker.open()
        asked = (*questions, *change.about)
        before = yield from _ask_old(resources, method, asked, _stage(arm, "old questions, before"))
        first = _ask(resources, method, change.question.text)
        lane = replace(lane, state="running", before=_attempt(change, first, 0.0))
        yield Progress(_stage(arm, "taking up the change"), 0, 1, "", {DATA: lane})
        lane, method = yield from _take(taker, change, clock, lane, method)
        after = yield from _ask_old(resources, method, asked, _stage(arm, "old questions, after"))
        lane = _finished(lane, change, asked, before, after)
        yield Progress(_stage(arm, lane.state), 1, 1, "", {DATA: lane})
    finally:
        taker.close()


def _place(resources: Resources, config: RaceConfig, arm: str, folder: Path) -> Place:
    """A copy of what the arm needs, refused where that is not ready."""
    ws, models = resources.workspace, resources.models
    needs = TAKERS[arm].needs
    parts = [kind for kind in needs if kind not in VARIED]
    for kind in parts:
        ws.require(kind)
    if "caches" in needs:
        caches = variant_folder(ws, models.language_model(resources.reader), models.settings.cache_precision)
        parts.append(str(caches.relative_to(ws.path)))
    return Place(copy_of(ws, folder, parts), models, resources.reader, config.steps, config.every)


def _take(
    taker: Taker, change: Change, clock: Clock, lane: Lane, method: Method
) -> Generator[Progress, None, tuple[Lane, Method]]:
    """Lets an arm work until an answer shows the change, or it has done all it can."""
    steps = taker.take(change, clock)
    learned: int | None = None
    try:
        for step in steps:
            if isinstance(step, Progress):
                lane, learned = replace(lane, stages=clock.stages), step.data.get("step", learned)
                yield replace(step, stage=_stage(lane.arm, step.stage), data={DATA: lane})
                continue
            method = step
            with clock.stage(ASK):
                answered = answer(method, change.question.text)
            attempt = _attempt(change, answered, clock.now_ms, learned)
            lane = replace(lane, stages=clock.stages, attempts=(*lane.attempts, attempt))
            yield Progress(_stage(lane.arm, "asking"), 1, 1, answered.text[:60], {DATA: lane})
            if attempt.verdict.known:
                break
    finally:
        steps.close()
    return lane, method


def _ask(resources: Resources, method: Method, question: str) -> Answer:
    with resources.models.lock:
        return answer(method, question)


def _ask_old(
    resources: Resources, method: Method, questions: Sequence[Question], stage: str
) -> Generator[Progress, None, list[Answer]]:
    answers: list[Answer] = []
    for question in questions:
        answers.append(_ask(resources, method, question.text))
        yield Progress(stage, len(answers), len(questions), answers[-1].text[:60])
    return answers


def _finished(
    lane: Lane, change: Change, asked: Sequence[Question], before: Sequence[Answer], after: Sequence[Answer]
) -> Lane:
    """The lane with its verdict and what became of the other questions: old ones first, then those of the passage."""
    answers = compare(change, asked, before, after).answers
    old = len(asked) - len(change.about)
    return replace(
        lane,
        state="not reached" if lane.known_ms is None else "known",
        damage=Damage(answers[:old]) if old else None,
        about=Damage(answers[old:]) if change.about else None,
    )


def _attempt(change: Change, answered: Answer, at_ms: float, step: int | None = None) -> Attempt:
    evidence = tuple(piece.title or piece.passage_id for piece in answered.evidence)
    return Attempt(at_ms, answered.text, evidence, change.verdict(answered), step)


def _stage(arm: str, what: str) -> str:
    """What an arm is doing, in words that can be said in another language."""
    return said("{arm}: {what}", arm=said(registry.METHODS[arm].label), what=said(what))
