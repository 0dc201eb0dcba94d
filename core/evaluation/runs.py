"""Runs on disk: ``runs/eval-DIGEST`` holds run.json (what was measured, how, on what), questions and answers.

Answers are kept, not scores: a run is scored when it is looked at, so a metric that is added later reaches old runs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from core.corpus.folder import ANYTHING, read_questions
from core.corpus.store import write_questions
from core.corpus.types import Question
from core.errors import TesseraError
from core.evaluation.arms import Arm
from core.evaluation.machine import machine, versions
from core.methods.base import Answer
from core.methods.resources import Resources
from core.workspace import Workspace, write_atomically

ANSWERS_FILE = "answers.jsonl"
RUN_FILE = "run.json"
QUESTIONS_FILE = "questions.jsonl"
FORMAT = 1
_SETTINGS = (
    "model", "encoder", "device", "dtype", "reader", "seed", "max_new_tokens", "top_k", "store", "cell_tokens",
    "answerer_model",
)  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """What is asked of whom.

    Attributes:
        arms: In the order in which they run.
        questions: Asked of every arm.
        source: Where the questions came from, for people.
        drawn_from: How many there were to draw from.
        seed: Of the draw, and of the resampling.
    """

    arms: tuple[Arm, ...]
    questions: tuple[Question, ...]
    source: str
    drawn_from: int
    seed: int = 0


def run_folder(resources: Resources, plan: Plan) -> Path:
    """Where the answers of this run go: the same questions asked in the same way find the same folder again.

    The arms are not part of it, so that an arm added later joins the answers that are there.
    """
    facts = {key: value for key, value in configuration(resources, plan).items() if key in ("settings", "model")}
    facts["asked"] = [asdict(question) for question in plan.questions]
    facts["encoder"] = resources.models.encoder().fingerprint
    facts["corpus"] = resources.workspace.fingerprint("corpus")
    facts["device"] = machine(resources.models.language_model(resources.reader).device)["device"]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:12]
    return resources.workspace.path / "runs" / f"eval-{digest}"


def configuration(resources: Resources, plan: Plan) -> dict[str, Any]:
    """Everything a stranger needs to repeat the run, as plain data."""
    lm = resources.models.language_model(resources.reader)
    encoder = resources.models.encoder()
    settings = asdict(resources.settings)
    return {
        "format": FORMAT,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
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
        "model": asdict(lm.identity),
        "encoder": {"name": encoder.name, "fingerprint": encoder.fingerprint, "dim": encoder.dim},
        "machine": machine(lm.device),
        "versions": versions(),
        "arms": {},
        "wanted": [],
        "skipped": {},
    }


def plan_of(folder: Path, arms: Sequence[Arm]) -> Plan:
    """The plan of a run that was begun, so that it can go on, with these arms.

    Raises:
        TesseraError: The run or its questions cannot be read.
    """
    asked = read_run(folder)["questions"]
    try:
        content = (folder / QUESTIONS_FILE).read_bytes()
    except OSError as error:
        raise TesseraError(f"The questions of {folder.name} cannot be read ({error}).", "Start a new run.") from error
    questions = tuple(read_questions(QUESTIONS_FILE, content, ANYTHING))
    return Plan(tuple(arms), questions, asked["source"], asked["drawn_from"], asked["seed"])


def write_questions_of(folder: Path, questions: Sequence[Question]) -> None:
    """Keeps the questions of a run beside its answers."""
    write_questions(folder / QUESTIONS_FILE, questions)


def write_run(folder: Path, run: Mapping[str, Any]) -> None:
    """Writes run.json, all or nothing."""
    write_atomically(folder / RUN_FILE, json.dumps(run, ensure_ascii=False, indent=1).encode())


def read_run(folder: Path) -> dict[str, Any]:
    """What ``write_run`` wrote.

    Raises:
        TesseraError: There is none, or it is damaged.
    """
    try:
        run = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TesseraError(
            f"{folder.name} is no run that can be read ({error}).", "Run the evaluation again."
        ) from None
    if not isinstance(run, dict) or run.get("format") != FORMAT:
        raise TesseraError(f"{folder.name} was written by another version of Tessera.", "Run the evaluation again.")
    return run


def list_runs(ws: Workspace) -> list[Path]:
    """Folders of the workspace's runs, latest first."""
    found = [path.parent for path in (ws.path / "runs").glob(f"eval-*/{RUN_FILE}")]
    return sorted(found, key=lambda folder: (folder / RUN_FILE).stat().st_mtime, reverse=True)


def answer_line(arm: Arm, key: str, question: Question, result: Answer) -> str:
    """One line of answers.jsonl: all that is needed to score the answer and to look at it."""
    row = {
        "arm": arm.name,
        "key": key,
        "question_id": question.id,
        "question": question.text,
        "kind": question.kind,
        "golds": question.answers,
        "passage_ids": question.passage_ids,
        "gold_evidence": question.evidence,
        "answer": result.text,
        "evidence": [asdict(piece) for piece in result.evidence],
        "trace": asdict(result.trace),
        "details": result.details,
    }
    return json.dumps(row, ensure_ascii=False, default=str) + "\n"


def close_last_line(path: Path) -> None:
    """Ends a line that a killed writer left open, so that the next answer gets a line of its own."""
    if path.is_file() and path.stat().st_size:
        with path.open("rb+") as log:
            log.seek(-1, 2)
            if log.read(1) != b"\n":
                log.write(b"\n")


def read_answers(folder: Path, keys: Mapping[str, str], ids: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
    """Answers that still hold, by arm and question; see ``key_of``.

    Args:
        folder: Of the run. A last line cut short by a kill is passed over.
        keys: Arm to the key its answers must carry.
        ids: Questions in the order wanted; None takes all, as they come.
    """
    found: dict[str, dict[str, Any]] = {arm: {} for arm in keys}
    path = folder / ANSWERS_FILE
    if not path.is_file():
        return found
    for line in path.read_bytes().split(b"\n")[:-1]:
        try:
            row = json.loads(line)
        except ValueError:  # the writer was killed in the middle of this line
            continue
        if keys.get(row["arm"]) == row["key"]:
            found[row["arm"]][row["question_id"]] = row
    if ids is None:
        return found
    return {arm: {i: rows[i] for i in ids if i in rows} for arm, rows in found.items()}
