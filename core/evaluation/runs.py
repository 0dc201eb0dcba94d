"""Runs on disk: ``runs/eval-DIGEST`` holds run.json (configuration and methods), questions and answers.

Answers are saved without scores: a run is scored when it is read, so that new metrics apply to old runs as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core import jsonl
from core.corpus.folder import ANYTHING, read_questions
from core.corpus.types import Question
from core.digests import json_digest
from core.errors import TesseraError
from core.evaluation.questions import QuestionSet, draw
from core.evaluation.variants import MethodVariant
from core.manifest import sealed, unsealed, write_atomically
from core.messages import message
from core.methods.base import Answer
from core.methods.resources import Resources
from core.models.machine import machine, versions
from core.units import timestamp
from core.workspace import Workspace

ANSWERS_FILE = "answers.jsonl"
RUN_FILE = "run.json"
QUESTIONS_FILE = "questions.jsonl"
JUDGED_FILE = "judged.jsonl"
FORMAT = 2
_ON_RAY = " on Ray"
_KEY = ("method", "key", "question_id")
AnswerKey = tuple[str, str, str]
"""Method, key of what it answered from (see ``key_of``), and question id; identifies an answer."""
_SETTINGS = (
    "model", "encoder", "device", "dtype", "reader", "seed", "max_new_tokens", "top_k", "score_cutoff",
    "store", "cell_tokens", "engine_model", "reading",
)  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """The methods and questions of a run.

    Attributes:
        drawn_from: Number of questions that these were sampled from.
        seed: Seed of the sample and of the bootstrap.
        on_ray: Whether workers of a Ray cluster answer, whose times are not to be ranked with those of one machine.
    """

    variants: tuple[MethodVariant, ...]
    questions: tuple[Question, ...]
    source: str
    drawn_from: int
    seed: int = 0
    on_ray: bool = False

    def where(self, device: str) -> str:
        """The device for display, given that of this machine."""
        return device + _ON_RAY if self.on_ray else device


def plan_run(
    methods: Sequence[MethodVariant], questions: QuestionSet, n: int | None, seed: int, on_ray: bool = False
) -> Plan:
    """A plan of ``n`` questions sampled by seed; None takes all."""
    drawn = draw(questions.questions, n, seed)
    return Plan(tuple(methods), drawn, questions.source, len(questions.questions), seed, on_ray)


def run_folder(resources: Resources, plan: Plan) -> Path:
    """Folder of the run; the same for the same questions, corpus, model, settings and device.

    The methods are not part of its name, so that a method can be added to an existing run.
    """
    facts = {key: value for key, value in configuration(resources, plan).items() if key in ("settings", "model")}
    facts["asked"] = [asdict(question) for question in plan.questions]
    facts["encoder"] = resources.models.encoder().fingerprint
    facts["corpus"] = resources.workspace.fingerprint("corpus")
    facts["device"] = machine(plan.where(resources.engine().where))["device"]
    digest = json_digest(facts, 12)
    return resources.workspace.path / "runs" / f"eval-{digest}"


def configuration(resources: Resources, plan: Plan) -> dict[str, Any]:
    """Everything needed to repeat the run, as JSON values."""
    engine = resources.engine()
    encoder = resources.models.encoder()
    settings = asdict(resources.settings)
    return {
        "format": FORMAT,
        "created": timestamp(),
        "workspace": resources.workspace.name,
        "corpus": {"name": resources.corpus.name, "passages": len(resources.corpus.passages)},
        "questions": {
            "source": plan.source,
            "n": len(plan.questions),
            "drawn_from": plan.drawn_from,
            "seed": plan.seed,
            "ids": [question.id for question in plan.questions],
        },
        "settings": {name: settings[name] for name in _SETTINGS},
        "model": asdict(engine.identity),
        "encoder": {"name": encoder.name, "fingerprint": encoder.fingerprint, "dim": encoder.dim},
        "machine": machine(plan.where(engine.where)),
        "versions": versions(),
        "methods": {},
        "wanted": [],
        "skipped": {},
    }


def plan_of(folder: Path, variants: Sequence[MethodVariant]) -> Plan:
    """The plan of an existing run, with these methods, so that it can continue.

    Raises:
        TesseraError: The run or its questions cannot be read.
    """
    run = read_run(folder)
    source, on_ray = run["questions"], run["machine"]["device"].endswith(_ON_RAY)
    try:
        content = (folder / QUESTIONS_FILE).read_bytes()
    except OSError as error:
        what = message("The questions of {run} cannot be read ({error}).", run=folder.name, error=error)
        raise TesseraError(what, "Start a new run.") from error
    questions = tuple(read_questions(QUESTIONS_FILE, content, ANYTHING))
    return Plan(tuple(variants), questions, source["source"], source["drawn_from"], source["seed"], on_ray)


def write_run(folder: Path, run: Mapping[str, Any]) -> None:
    """Writes run.json atomically."""
    write_atomically(folder / RUN_FILE, sealed(run))


def read_run(folder: Path) -> dict[str, Any]:
    """Reads run.json.

    Raises:
        TesseraError: It is missing or damaged.
    """
    try:
        run = unsealed((folder / RUN_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        what = message("{run} is no run that can be read ({error}).", run=folder.name, error=error)
        raise TesseraError(what, "Run the evaluation again.") from None
    if run.get("format") != FORMAT:
        what = message("{run} was written by another version of Tessera.", run=folder.name)
        raise TesseraError(what, "Run the evaluation again.")
    return run


def list_runs(ws: Workspace) -> list[Path]:
    """Folders of the workspace's runs, latest first."""
    folders = [path.parent for path in (ws.path / "runs").glob(f"eval-*/{RUN_FILE}")]
    return sorted(folders, key=lambda folder: (folder / RUN_FILE).stat().st_mtime, reverse=True)


def append_answer(
    folder: Path, variant: MethodVariant, key: str, question: Question, result: Answer, gold_cells: Mapping[str, int]
) -> None:
    """Appends an answer to answers.jsonl, with all that is needed to score and to display it."""
    row = {
        "method": variant.name,
        "key": key,
        "question_id": question.id,
        "question": question.text,
        "kind": question.kind,
        "golds": question.answers,
        "passage_ids": question.passage_ids,
        "gold_cells": gold_cells,
        "gold_evidence": question.evidence,
        "answer": result.text,
        "evidence": [piece.to_json() for piece in result.evidence],
        "trace": asdict(result.trace),
        "details": result.details,
    }
    jsonl.append(folder / ANSWERS_FILE, row)


def read_answers(folder: Path, keys: Mapping[str, str], ids: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
    """Answers that are still valid, by method and question; see ``key_of``.

    Args:
        keys: For each method, the key that its answers must have.
        ids: Ids of the questions, in the order of the result; None takes all in the order of the file.
    """
    answers: dict[str, dict[str, Any]] = {name: {} for name in keys}
    for row in jsonl.read(folder / ANSWERS_FILE, (*_KEY, "answer")):
        if keys.get(row["method"]) == row["key"]:
            answers[row["method"]][row["question_id"]] = row
    if ids is None:
        return answers
    return {name: {i: rows[i] for i in ids if i in rows} for name, rows in answers.items()}


def damaged_lines(folder: Path) -> int:
    """Number of unreadable lines of answers and scores; those questions count as not answered or not judged."""
    return jsonl.damaged(folder / ANSWERS_FILE) + jsonl.damaged(folder / JUDGED_FILE)


def answer_key(row: Mapping[str, Any]) -> AnswerKey:
    """Identifies the answer of a line of answers.jsonl or judged.jsonl."""
    return row["method"], row["key"], row["question_id"]


def read_scores(folder: Path) -> dict[AnswerKey, dict[str, float]]:
    """Scores by a judge model for each judged answer."""
    return {answer_key(row): row["scores"] for row in jsonl.read(folder / JUDGED_FILE, (*_KEY, "scores"))}


def append_scores(folder: Path, answer: Mapping[str, Any], scores: Mapping[str, float]) -> None:
    """Appends a judge model's scores of an answer."""
    jsonl.append(folder / JUDGED_FILE, {**{name: answer[name] for name in _KEY}, "scores": scores})
