"""The live change race: one document changes, and every method is watched until it first answers right about it.

    for step in race(Resources(ws, models, settings), change, RaceConfig(), questions):
        results = ...                                          # step.data["result"], see core.labs.changes.results

Methods run one at a time, each in a throw-away copy of the workspace, on a clock that runs while the method works.
Before the change every method is opened, warmed and asked all questions; none of that is timed.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

from core.artefacts import artefact
from core.corpus.types import Question
from core.errors import TesseraError
from core.jobs import Progress, Work
from core.kvcache.variants import variant_folder
from core.labs.changes.change import Change
from core.labs.changes.clock import Clock
from core.labs.changes.report import FACTS, RaceConfig, facts
from core.labs.changes.results import DATA, Attempt, MethodResult, Regressions, compare
from core.labs.changes.scratch import copy_of, throwaway_folder
from core.labs.changes.updaters.base import UpdateContext, Updater
from core.labs.changes.updaters.registry import UPDATERS
from core.messages import message
from core.methods import registry
from core.methods.base import Answer, Method, answer
from core.methods.resources import Resources

ASK = "ask"
"""Name of the stage in which the question is answered."""


def race(resources: Resources, change: Change, config: RaceConfig, questions: Sequence[Question] = ()) -> Work:
    """Makes a change in every method and watches when it is known and what it breaks. The workspace stays as it is.

    Args:
        resources: The workspace, held for writing meanwhile, and the models.
        questions: Old questions, asked before and after; see ``core.labs.changes.results.old_questions``.

    Yields:
        Progress; first with what the race is about (see ``core.labs.changes.report``), then with the result that moved.

    Raises:
        TesseraError: The change cannot be made, or no method could run.
        WorkspaceBusy: Something is being built in the workspace.
    """
    resources = replace(resources, settings=resources.settings.in_process)  # a change is put into its caches
    change.check(resources.corpus)
    yield Progress("Loading the models", 0, 1)
    yield Progress("Loading the models", 1, 1, "", {FACTS: facts(resources, change, config, questions)})
    ws = resources.workspace
    refused: list[TesseraError] = []
    with ws.lock(), throwaway_folder(ws) as folder:
        for name in config.methods:
            try:
                yield from _run(resources, change, config, tuple(questions), name, folder / name)
            except TesseraError as error:
                refused.append(error)
                result = MethodResult(name, "refused", reason=error.message)
                yield Progress(_stage(name, "refused"), 1, 1, error.what, {DATA: result})
    if refused and len(refused) == len(config.methods):
        raise refused[0]


def _run(
    resources: Resources, change: Change, config: RaceConfig, questions: tuple[Question, ...], name: str, folder: Path
) -> Work:
    result = MethodResult(name)
    yield Progress(_stage(name, "getting ready"), 0, 1, "", {DATA: result})
    context = _context(resources, config, name, folder)
    updater = UPDATERS[name].make(context)
    clock = Clock(resources.models.lock, resources.language_model().synchronise)
    try:
        with resources.models.lock:
            method = updater.open()
        all_questions = (*questions, *change.about)
        before = yield from _ask_old(resources, method, all_questions, _stage(name, "old questions, before"))
        first = _ask(resources, method, change.question.text)
        result = replace(result, state="running", before=_attempt(change, first, 0.0))
        yield Progress(_stage(name, "taking up the change"), 0, 1, "", {DATA: result})
        result, method = yield from _update(updater, change, clock, result, method)
        after = yield from _ask_old(resources, method, all_questions, _stage(name, "old questions, after"))
        result = _finished(result, change, all_questions, before, after)
        yield Progress(_stage(name, result.state), 1, 1, "", {DATA: result})
    finally:
        updater.close()


def _context(resources: Resources, config: RaceConfig, name: str, folder: Path) -> UpdateContext:
    """A copy of what the method needs, refused where that is not ready."""
    ws, needs = resources.workspace, UPDATERS[name].needs
    parts = [kind for kind in needs if not artefact(kind).varied]
    for kind in parts:
        ws.require(kind)
    for kind in set(needs) - set(parts):
        variant = variant_folder(ws, resources.language_model(), resources.settings.cache_precision, kind)
        parts.append(str(variant.relative_to(ws.path)))
    return UpdateContext(replace(resources, workspace=copy_of(ws, folder, parts)), config.steps, config.every)


def _update(
    updater: Updater, change: Change, clock: Clock, result: MethodResult, method: Method
) -> Generator[Progress, None, tuple[MethodResult, Method]]:
    """Lets a method work until an answer shows the change, or it has done all it can."""
    steps = updater.update(change, clock)
    learned: int | None = None
    try:
        for step in steps:
            if isinstance(step, Progress):
                result, learned = replace(result, stages=clock.stages), step.data.get("step", learned)
                yield replace(step, stage=_stage(result.method, step.stage), data={DATA: result})
                continue
            method = step
            with clock.stage(ASK):
                answered = answer(method, change.question.text)
            attempt = _attempt(change, answered, clock.now_ms, learned)
            result = replace(result, stages=clock.stages, attempts=(*result.attempts, attempt))
            yield Progress(_stage(result.method, "asking"), 1, 1, answered.text[:60], {DATA: result})
            if attempt.verdict.known:
                break
    finally:
        steps.close()
    return result, method


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
    result: MethodResult,
    change: Change,
    questions: Sequence[Question],
    before: Sequence[Answer],
    after: Sequence[Answer],
) -> MethodResult:
    """The result with its verdict and the answers to the other questions: old ones first, then those of the passage."""
    answers = compare(change, questions, before, after).answers
    old = len(questions) - len(change.about)
    return replace(
        result,
        state="not reached" if result.known_ms is None else "known",
        regressions=Regressions(answers[:old]) if old else None,
        about=Regressions(answers[old:]) if change.about else None,
    )


def _attempt(change: Change, answered: Answer, at_ms: float, step: int | None = None) -> Attempt:
    evidence = tuple(piece.title or piece.passage_id for piece in answered.evidence)
    return Attempt(at_ms, answered.text, evidence, change.verdict(answered), step)


def _stage(name: str, what: str) -> str:
    """The current stage of a method, as a translatable message."""
    return message("{method}: {what}", method=message(registry.METHODS[name].label), what=message(what))
