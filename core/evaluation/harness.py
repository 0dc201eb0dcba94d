"""Runs arms over questions, one arm after another, and keeps every answer.

Each finished answer is one line of ``answers.jsonl``; a run that is started again skips the lines it finds, so killing
it costs one answer. What the answers are worth is ``core.evaluation.summary``'s business.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from core.corpus.types import Question
from core.errors import ArtefactMissing, ArtefactStale, TesseraError, WorkspaceBusy
from core.evaluation.arms import Arm, fingerprints_of, key_of, refuse_missing, storage_of, what_is_missing
from core.evaluation.metrics import exact_match, f1
from core.evaluation.runs import (
    ANSWERS_FILE,
    RUN_FILE,
    Plan,
    answer_line,
    close_last_line,
    configuration,
    plan_of,
    read_answers,
    read_run,
    run_folder,
    write_questions_of,
    write_run,
)
from core.jobs import Progress, Work
from core.methods import registry
from core.methods.base import Method, answer
from core.methods.resources import Resources
from core.said import said
from core.turns import until_turn


def evaluate(resources: Resources, plan: Plan, folder: Path, skip_missing: bool = False) -> Work:
    """Asks every question of every arm and keeps the answers in ``folder``.

    Args:
        resources: The workspace and the models.
        plan: Arms and questions.
        folder: See ``run_folder``; answers that are there and still hold are not asked for again.
        skip_missing: Leaves out arms whose artefacts are not ready, instead of refusing to begin.

    Raises:
        TesseraError: There is no question, or an arm cannot be opened or asked.
        WorkspaceBusy: Another process is at the same run.
    """
    if not plan.questions:
        raise TesseraError("There is no question to ask.", "Give a file with questions, or another split.")
    lacking = what_is_missing(resources, plan.arms)
    if not skip_missing:
        refuse_missing(resources.workspace, lacking)
    resources = replace(resources, questions=plan.questions)
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        run = _begin(resources, plan, folder)
        for arm in plan.arms:
            if arm.name in lacking:
                run["skipped"][arm.name] = f"{', '.join(lacking[arm.name])} not ready"
                write_run(folder, run)
                yield Progress(said("Skipping {arm}", arm=said(arm.label)), 1, 1, run["skipped"][arm.name])
            else:
                yield from _ask_arm(resources, plan, folder, run, arm, skip_missing)


def _begin(resources: Resources, plan: Plan, folder: Path) -> dict[str, Any]:
    """run.json as it stands before the first question; arms of an earlier start stay in it."""
    run = configuration(resources, plan)
    if (folder / RUN_FILE).is_file():
        earlier = read_run(folder)
        run |= {"created": earlier["created"], "arms": earlier["arms"], "wanted": earlier["wanted"]}
    run["wanted"] = list(dict.fromkeys([*run["wanted"], *(arm.name for arm in plan.arms)]))
    write_questions_of(folder, plan.questions)
    write_run(folder, run)
    return run


def _ask_arm(
    resources: Resources, plan: Plan, folder: Path, run: dict[str, Any], arm: Arm, skip_missing: bool
) -> Iterator[Progress]:
    stage, total = said("Asking {arm}", arm=said(arm.label)), len(plan.questions)
    key = key_of(arm, resources)
    there = read_answers(folder, {arm.name: key})[arm.name]
    wanted = [q for q in plan.questions if q.passage_ids or not registry.METHODS[arm.method].asks_gold]
    pending = [question for question in wanted if question.id not in there]
    earlier = run["arms"].get(arm.name, {})
    if not pending and earlier.get("key") == key:
        yield Progress(stage, total, total, "answered before")
        return
    yield Progress(stage, total - len(pending), total, "opening")
    try:
        with resources.models.lock.ticket() as ticket:
            yield from until_turn(ticket, total - len(pending), total)
            method, open_s = _open(resources, arm, pending)
    except (ArtefactMissing, ArtefactStale) as error:
        if not skip_missing:
            raise
        run["skipped"][arm.name] = error.what
        write_run(folder, run)
        yield Progress(said("Skipping {arm}", arm=said(arm.label)), 1, 1, error.what)
        return
    run["arms"][arm.name] = _facts(resources, arm, key, open_s)
    write_run(folder, run)
    yield from _ask(resources, folder, arm, key, method, pending, stage, total)


def _open(resources: Resources, arm: Arm, pending: list[Question]) -> tuple[Method, float]:
    """The arm, opened and warmed up where no clock sees it, and the seconds that opening took."""
    began = time.perf_counter()
    method = registry.open_method(arm.method, arm.resources(resources))
    open_s = time.perf_counter() - began
    if pending:
        # The last question: a cell that this leaves in memory is, by its turn, as warm as any other.
        answer(method, pending[-1].text)
    return method, open_s


def _ask(
    resources: Resources,
    folder: Path,
    arm: Arm,
    key: str,
    method: Method,
    pending: list[Question],
    stage: str,
    total: int,
) -> Iterator[Progress]:
    close_last_line(folder / ANSWERS_FILE)
    with (folder / ANSWERS_FILE).open("a", encoding="utf-8") as log:
        for done, question in enumerate(pending, start=total - len(pending) + 1):
            with resources.models.lock.ticket() as ticket:
                yield from until_turn(ticket, done - 1, total)
                result = answer(method, question.text)
            log.write(answer_line(arm, key, question, result))
            log.flush()
            scores = {"em": exact_match(result.text, question.answers), "f1": f1(result.text, question.answers)}
            data = {"arm": arm.name, "total_ms": result.trace.total_ms, **scores}
            yield Progress(stage, done, total, result.text[:60], data)


def _facts(resources: Resources, arm: Arm, key: str, open_s: float) -> dict[str, Any]:
    storage = storage_of(arm, resources)
    return {
        "method": arm.method,
        "label": arm.label,
        "key": key,
        "artefacts": fingerprints_of(arm, resources),
        "reader": bool(resources.models.language_model(arm.resources(resources).reader).identity.adapter),
        "open_s": open_s,
        **asdict(storage),
        "bytes_per_1000_documents": storage.per_1000,
    }


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise WorkspaceBusy(f"The run {folder.name} is under way elsewhere.", "Wait for it to end.") from None
    try:
        yield
    finally:
        lock.release()


def resume(resources: Resources, folder: Path, arms: Sequence[Arm]) -> Work:
    """Goes on with a run that was begun, or adds arms to it.

    Raises:
        TesseraError: It was made with another model, corpus or other settings than those of now.
    """
    plan = plan_of(folder, arms)
    if run_folder(resources, plan).name != folder.name:
        raise TesseraError(
            "This run was made with another model, corpus, machine or other settings than those of now.",
            "Go back to what its configuration names, or start a new run.",
        )
    yield from evaluate(resources, plan, folder)
