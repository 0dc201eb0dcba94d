"""Runs methods over questions, one after another, and saves every answer.

Each finished answer is one line of ``answers.jsonl``. A restarted run skips questions that are answered already, so
killing it costs one answer. Scoring happens later, in ``core.evaluation.summary``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from core.corpus.store import write_questions
from core.corpus.types import Question
from core.errors import ArtefactMissing, ArtefactStale, TesseraError, WorkspaceBusy
from core.evaluation.runs import (
    QUESTIONS_FILE,
    RUN_FILE,
    Plan,
    append_answer,
    configuration,
    plan_of,
    read_answers,
    read_run,
    run_folder,
    write_run,
)
from core.evaluation.variants import (
    MethodVariant,
    fingerprints_of,
    key_of,
    missing_artefacts,
    require_none_missing,
    spec_of,
    storage_of,
)
from core.fair_lock import until_turn
from core.jobs import Progress, Work
from core.messages import message
from core.methods import registry
from core.methods.base import Answer, Method, answer
from core.methods.comparison import open_for_measuring
from core.methods.resources import Resources
from core.metrics import exact_match, f1
from core.models.registry import Models
from core.settings import Settings
from core.workers import Computed, Workers
from core.workspace import existing_workspace

_SHARD = 4
"""Questions that a worker answers before it says so: what is lost if it dies."""


def evaluate(
    resources: Resources,
    plan: Plan,
    folder: Path | None = None,
    skip_missing: bool = False,
    workers: Workers | None = None,
) -> Work:
    """Answers every question with every method and saves the answers.

    Args:
        folder: Where to save; None for ``run_folder``. Saved answers that are still valid are not computed again.
        skip_missing: Skip methods whose artefacts are not ready, instead of raising.
        workers: Who answers; None answers here. They open the workspace under its path here. A method that builds
            something when it is opened, such as an index in Redis, answers here either way.

    Raises:
        TesseraError: There is no question, or a method fails.
        WorkspaceBusy: Another process is working on the same run.
    """
    if not plan.questions:
        raise TesseraError("There is no question to ask.", "Give a file with questions, or another split.")
    missing = missing_artefacts(resources, plan.variants)
    if not skip_missing:
        require_none_missing(resources.workspace, missing)
    folder = folder or run_folder(resources, plan)
    resources = replace(resources, questions=plan.questions)
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        run = _begin(resources, plan, folder)
        for variant in plan.variants:
            if variant.name in missing:
                run["skipped"][variant.name] = f"{', '.join(missing[variant.name])} not ready"
                write_run(folder, run)
                yield Progress(
                    message("Skipping {method}", method=message(variant.label)), 1, 1, run["skipped"][variant.name]
                )
            else:
                elsewhere = None if spec_of(variant, resources).makes else workers
                yield from _run_variant(resources, plan, folder, run, variant, skip_missing, elsewhere)


def _begin(resources: Resources, plan: Plan, folder: Path) -> dict[str, Any]:
    """Writes run.json before the first question; keeps the methods of an earlier start."""
    run = configuration(resources, plan)
    if (folder / RUN_FILE).is_file():
        earlier = read_run(folder)
        run |= {"created": earlier["created"], "methods": earlier["methods"], "wanted": earlier["wanted"]}
    run["wanted"] = list(dict.fromkeys([*run["wanted"], *(variant.name for variant in plan.variants)]))
    write_questions(folder / QUESTIONS_FILE, plan.questions)
    write_run(folder, run)
    return run


def _run_variant(
    resources: Resources,
    plan: Plan,
    folder: Path,
    run: dict[str, Any],
    variant: MethodVariant,
    skip_missing: bool,
    workers: Workers | None,
) -> Iterator[Progress]:
    stage, total = message("Asking {method}", method=message(variant.label)), len(plan.questions)
    key = key_of(variant, resources)
    answered = read_answers(folder, {variant.name: key})[variant.name]
    askable = [q for q in plan.questions if q.passage_ids or not registry.METHODS[variant.method].asks_gold]
    pending = [question for question in askable if question.id not in answered]
    earlier = run["methods"].get(variant.name, {})
    if not pending and earlier.get("key") == key:
        yield Progress(stage, total, total, "answered before")
        return
    yield Progress(stage, total - len(pending), total, "opening")
    if workers:
        run["methods"][variant.name] = _facts(resources, variant, key, 0.0)
        write_run(folder, run)
        yield from _ask_workers(resources, folder, variant, key, pending, stage, total, workers)
        return
    try:
        with resources.models.lock.ticket() as ticket:
            yield from until_turn(ticket, total - len(pending), total)
            # Warm up with the last question: by the time it is asked, its cell in memory is as warm as any other.
            warm = pending[-1].text if pending else ""
            method, open_s = open_for_measuring(variant.method, variant.resources(resources), warm)
    except (ArtefactMissing, ArtefactStale) as error:
        if not skip_missing:
            raise
        run["skipped"][variant.name] = error.what
        write_run(folder, run)
        yield Progress(message("Skipping {method}", method=message(variant.label)), 1, 1, error.what)
        return
    run["methods"][variant.name] = _facts(resources, variant, key, open_s)
    write_run(folder, run)
    yield from _ask(resources, folder, variant, key, method, pending, stage, total)


def _ask(
    resources: Resources,
    folder: Path,
    variant: MethodVariant,
    key: str,
    method: Method,
    pending: list[Question],
    stage: str,
    total: int,
) -> Iterator[Progress]:
    for done, question in enumerate(pending, start=total - len(pending) + 1):
        with resources.models.lock.ticket() as ticket:
            yield from until_turn(ticket, done - 1, total)
            result = answer(method, question.text)
        append_answer(folder, variant, key, question, result, resources.cells_of(question.passage_ids))
        yield Progress(stage, done, total, result.text[:60], _score(variant, question, result))


def _score(variant: MethodVariant, question: Question, result: Answer) -> dict[str, Any]:
    data = {"method": variant.name, "total_ms": result.trace.total_ms}
    if question.answers:
        data |= {"em": exact_match(result.text, question.answers), "f1": f1(result.text, question.answers)}
    return data


@dataclass(frozen=True)
class QuestionShard:
    """Some questions for a method, and all it answers from.

    Attributes:
        known: All questions of the run: some controls look their gold passages up.
        key: What the method answers from here, see ``key_of``.
    """

    workspace: Path
    settings: Settings
    known: tuple[Question, ...]
    variant: MethodVariant
    key: str
    questions: tuple[Question, ...]


def answer_shard(models: Models, shard: QuestionShard) -> list[Answer]:
    """The answers to a shard: the task of workers.

    Raises:
        ArtefactStale: The workspace is another one here than at the driver.
    """
    method = _opened(models, replace(shard, questions=()))
    return [answer(method, question.text) for question in shard.questions]


@lru_cache(maxsize=1)  # methods are asked one after another
def _opened(models: Models, shard: QuestionShard) -> Method:
    """The method of a shard, open and warm."""
    settings = shard.settings.here()
    ws = existing_workspace(str(shard.workspace), shard.workspace.parent)
    resources = Resources(ws, models, settings, shard.known)
    if key_of(shard.variant, resources) != shard.key:
        raise ArtefactStale(
            "A worker finds other artefacts in the workspace than this machine.",
            "Put the workspace where every machine sees it under the same path.",
        )
    method, _ = open_for_measuring(shard.variant.method, shard.variant.resources(resources), shard.known[-1].text)
    return method


def _ask_workers(
    resources: Resources,
    folder: Path,
    variant: MethodVariant,
    key: str,
    pending: list[Question],
    stage: str,
    total: int,
    workers: Workers,
) -> Iterator[Progress]:
    groups = [tuple(pending[at : at + _SHARD]) for at in range(0, len(pending), _SHARD)]
    workspace, known = resources.workspace.path.resolve(), resources.questions
    shards = [QuestionShard(workspace, resources.settings, known, variant, key, group) for group in groups]
    done = total - len(pending)
    with closing(workers.compute(answer_shard, shards)) as steps:
        for step in steps:
            if not isinstance(step, Computed):
                yield Progress(stage, done, total, step.note)
                continue
            pairs = list(zip(groups[step.number], step.result, strict=True))
            for question, result in pairs:  # all of them first: whoever stops at a step loses none
                append_answer(folder, variant, key, question, result, resources.cells_of(question.passage_ids))
            for question, result in pairs:
                done += 1
                yield Progress(stage, done, total, step.note, _score(variant, question, result))


def _facts(resources: Resources, variant: MethodVariant, key: str, open_s: float) -> dict[str, Any]:
    storage = storage_of(variant, resources)
    return {
        "method": variant.method,
        "label": variant.label,
        "key": key,
        "artefacts": fingerprints_of(variant, resources),
        "reader": bool(variant.resources(resources).engine().identity.adapter),
        "open_s": open_s,
        **asdict(storage),
        "bytes_per_1000_documents": storage.per_1000,
    }


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise WorkspaceBusy(f"The run {folder.name} is under way elsewhere.", "Wait for it to end.") from None
    try:
        yield
    finally:
        lock.release()


def resume(resources: Resources, folder: Path, variants: Sequence[MethodVariant]) -> Work:
    """Continues an interrupted run, or adds methods to it.

    Raises:
        TesseraError: Model, corpus or settings have changed since.
    """
    plan = plan_of(folder, variants)
    if run_folder(resources, plan).name != folder.name:
        raise TesseraError(
            "This run was made with another model, corpus, machine or other settings than those of now.",
            "Go back to what its configuration names, or start a new run.",
        )
    yield from evaluate(resources, plan, folder)
