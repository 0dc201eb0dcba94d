"""``questions``: the model writes questions for a corpus that brings none."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.common import JsonOption, WorkspaceOption, console, drive, emit, reporting, settings_and_workspace


def questions(
    n: Annotated[int, typer.Option("--n", min=1, help="How many are enough.")] = 20,
    workspace: WorkspaceOption = "sample",
    as_json: JsonOption = False,
) -> None:
    """Write questions from the passages, keep those that the reader answers from their own passage.

    They are dev questions of the corpus from then on, in the stead of those generated before.

    Example: python -m app questions --workspace mine
    """
    from dataclasses import asdict

    from core.corpus.store import load
    from core.evaluation.generated import generate, generated
    from core.models.registry import Models

    with reporting(as_json):
        settings, ws = settings_and_workspace(workspace)
        drive(generate(ws, Models(settings), settings, n))
        found = generated(ws.read("corpus", load))
        if as_json:
            emit({"workspace": ws.name, "questions": [asdict(question) for question in found]})
            return
        for question in found:
            console.print(f"{question.text}  {' / '.join(question.answers)}", markup=False, highlight=False)
