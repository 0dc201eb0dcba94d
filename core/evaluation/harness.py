"""Runs arms over questions, one arm after another, and keeps every answer.

Each finished answer is one line of ``answers.jsonl``; a run that is started again skips the lines it finds, so killing
it costs one answer. ``summarise`` reads the lines and knows nothing of models.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from core.corpus.types import Question
from core.errors import TesseraError
from core.evaluation.metrics import coverage, exact_match, f1, rouge_l
from core.evaluation.statistics import Interval, bootstrap_mean, paired_difference
from core.jobs import Progress, Work
from core.methods.base import Answer, Method, answer
from core.methods.registry import METHODS, open_method
from core.methods.resources import Resources

BASELINE = "rag"
COMPARED = ("em", "f1", "coverage")
ANSWERS_FILE = "answers.jsonl"


def run_folder(resources: Resources, methods: Sequence[str], questions: Sequence[Question]) -> Path:
    """Where the answers of this run go: the same run finds the same folder again."""
    ws = resources.workspace
    lm = resources.models.language_model(resources.reader)
    facts = {
        "methods": list(methods),
        "questions": [question.id for question in questions],
        "artefacts": {kind: ws.fingerprint(kind) for kind in ("corpus", "index", "partition", "caches", "memory")},
        "model": lm.identity.fingerprint,
        "top_k": resources.settings.top_k,
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]
    return ws.path / "runs" / f"eval-{digest}"


def evaluate(resources: Resources, methods: Sequence[str], questions: Sequence[Question], folder: Path) -> Work:
    """Asks every question of every arm and appends the scored answers to ``folder``.

    Raises:
        TesseraError: There is no question, or an arm cannot be opened.
    """
    if not questions:
        raise TesseraError("There is no question to ask.", "Give a file with questions, or another split.")
    folder.mkdir(parents=True, exist_ok=True)
    there = {(row["method"], row["question_id"]) for row in read_answers(folder)}
    with (folder / ANSWERS_FILE).open("a", encoding="utf-8") as log:
        for name in methods:
            stage = f"Asking {METHODS[name].label if name in METHODS else name}"
            pending = [question for question in questions if (name, question.id) not in there]
            method = open_method(name, resources) if pending else None
            if method and pending:
                answer(method, pending[0].text)  # a warm-up that no clock sees
            for done, row in enumerate(_ask(method, pending), start=len(questions) - len(pending) + 1):
                log.write(json.dumps(row, ensure_ascii=False) + "\n")
                log.flush()
                yield Progress(stage, done, len(questions), row["answer"][:60], {"em": row["scores"]["em"]})


def read_answers(folder: Path) -> list[dict[str, Any]]:
    """The scored answers of a run; a last line cut short by a kill is dropped."""
    path = folder / ANSWERS_FILE
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    rows = [json.loads(line) for line in lines[:-1] if line]
    if lines[-1]:  # no newline at the end: the writer was killed in the middle of this line
        path.write_text("".join(line + "\n" for line in lines[:-1] if line), encoding="utf-8")
    return rows


def score(result: Answer, question: Question) -> dict[str, float]:
    """Scores of one answer, each in [0, 1].

    ``recall`` is whether all gold passages are among the evidence, ``rouge_l`` the best ROUGE-L of a piece of evidence
    against a gold sentence; both are left out where they make no sense.
    """
    scores = {
        "em": exact_match(result.text, question.answers),
        "f1": f1(result.text, question.answers),
        "coverage": coverage(result.text, question.answers),
    }
    if result.evidence and question.passage_ids:
        found = {piece.passage_id for piece in result.evidence}
        scores["recall"] = float(set(question.passage_ids) <= found)
    if result.evidence and question.evidence:
        scores["rouge_l"] = max(rouge_l(piece.text, question.evidence) for piece in result.evidence)
    return {name: float(value) for name, value in scores.items()}


def summarise(folder: Path, methods: Sequence[str], seed: int = 0) -> dict[str, Any]:
    """Means with 95 % intervals, latency, and paired differences to RAG, as plain data."""
    rows = {name: {} for name in methods}  # type: dict[str, dict[str, dict[str, Any]]]
    for row in read_answers(folder):
        if row["method"] in rows:
            rows[row["method"]][row["question_id"]] = row
    summary = {name: _summarise_arm(list(answers.values()), seed) for name, answers in rows.items() if answers}
    baseline = rows.get(BASELINE, {})
    differences = {
        name: _differences(answers, baseline, seed)
        for name, answers in rows.items()
        if name != BASELINE and answers and baseline
    }
    return {
        "questions": max((len(answers) for answers in rows.values()), default=0),
        "methods": summary,
        f"differences_to_{BASELINE}": differences,
    }


def _ask(method: Method | None, questions: Sequence[Question]) -> Iterator[dict[str, Any]]:
    if method is None:
        return
    for question in questions:
        result = answer(method, question.text)
        yield {
            "method": method.name,
            "question_id": question.id,
            "question": question.text,
            "golds": list(question.answers),
            "answer": result.text,
            "scores": score(result, question),
            "evidence": [asdict(piece) for piece in result.evidence],
            "trace": asdict(result.trace),
            "details": result.details,
        }


def _summarise_arm(rows: list[dict[str, Any]], seed: int) -> dict[str, Any]:
    names = sorted({name for row in rows for name in row["scores"]})
    summary: dict[str, Any] = {}
    for name in names:
        values = [row["scores"][name] for row in rows if name in row["scores"]]
        summary[name] = _plain(bootstrap_mean(values, seed))
    for clock in ("ttft_ms", "total_ms"):
        times = sorted(row["trace"][clock] for row in rows)
        summary[clock] = {"median": median(times), "p90": times[math.ceil(0.9 * len(times)) - 1]}
    for count in ("prompt_tokens", "cached_tokens", "generated_tokens"):
        summary[count] = {"median": median(row["trace"][count] for row in rows)}
    return summary


def _differences(ours: dict[str, Any], theirs: dict[str, Any], seed: int) -> dict[str, Any]:
    shared = [question_id for question_id in ours if question_id in theirs]
    return {
        name: _plain(
            paired_difference(
                [ours[question_id]["scores"][name] for question_id in shared],
                [theirs[question_id]["scores"][name] for question_id in shared],
                seed,
            )
        )
        for name in COMPARED
        if shared
    }


def _plain(interval: Interval) -> dict[str, float]:
    return asdict(interval)
