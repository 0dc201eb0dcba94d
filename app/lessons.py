"""Measures the sample's questions and chooses the lessons among them: ``python -m app.lessons``.

Builds the sample in a temporary folder with the default settings and the memory that ships, asks every candidate with
the main methods in both number formats that CPUs use, and writes ``data/sample/lessons.json``. A lesson shows the same
in both formats. ``tests/test_shipped.py`` asks the lessons again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from app.cli.common import drive
from core import pipeline
from core.corpus.types import Question
from core.evaluation.harness import evaluate
from core.evaluation.lessons import EACH, LESSONS, Measured, candidates, choose, measured, measured_with
from core.evaluation.questions import QuestionSet
from core.evaluation.runs import plan_run, run_folder
from core.evaluation.summary import answers_of
from core.evaluation.variants import parse_variants
from core.methods.registry import main_methods
from core.methods.resources import Resources
from core.models.registry import Models
from core.settings import Settings
from core.workspace import Workspace

DTYPES = ("bfloat16", "float32")
_SPARE = 4
"""Times as many questions as are wanted are asked in the second format."""


def ask(ws: Workspace, settings: Settings, questions: Sequence[Question]) -> list[Measured]:
    """Asks the main methods; the workspace lacks nothing but perhaps blocks in this number format."""
    models = Models(settings)
    drive(pipeline.blocks(ws, models, settings))
    resources = Resources(ws, models, settings)
    plan = plan_run(parse_variants(main_methods()), QuestionSet(tuple(questions), "candidates"), None, settings.seed)
    folder = run_folder(resources, plan)
    drive(evaluate(resources, plan, folder))
    return measured(answers_of(folder))


def write() -> None:
    """Measures, chooses and writes."""
    with TemporaryDirectory() as folder:
        settings = Settings(device="cpu", workspaces=Path(folder))
        ws = Workspace(settings.workspaces / "sample")
        drive(pipeline.build_sample(ws, Models(settings), settings))
        questions = candidates(Resources(ws, Models(settings), settings).corpus)
        stable: list[Measured] = []
        for dtype in DTYPES:
            again = ask(ws, replace(settings, dtype=dtype), questions)
            stable = [row for row in again if row in stable] if stable else again
            likely = {row["question_id"] for row in choose(stable, _SPARE * EACH)}
            questions = tuple(question for question in questions if question.id in likely)
        saved = {"created": date.today().isoformat(), "artefacts": measured_with(ws), "lessons": choose(stable)}
    LESSONS.write_text(json.dumps(saved, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
