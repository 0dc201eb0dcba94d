"""``assess-reader``: how well the model reads, with the adapter and without."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from app.cli.common import JsonOption, WorkspaceOption, console, drive, emit, reporting, settings_and_workspace


def assess_reader(
    questions: Annotated[Path | None, typer.Option(help="A questions file; without it, the corpus' own.")] = None,
    split: Annotated[str, typer.Option(help="Which of the corpus' own questions.")] = "dev",
    n: Annotated[int, typer.Option("--n", min=1, help="Most questions.")] = 100,
    ks: Annotated[str, typer.Option(help="Numbers of retrieved passages to read.")] = "1,3,5,10",
    plain: Annotated[bool, typer.Option("--plain", help="Without the reader adapter.")] = False,
    workspace: WorkspaceOption = "sample",
    as_json: JsonOption = False,
) -> None:
    """Measure EM and F1 of reading: no passage, the right one, and the encoder's best k.

    Example: python -m app assess-reader --split dev --n 50
    """
    from app.cli.evaluate import chosen_questions
    from core.errors import TesseraError
    from core.methods.resources import Resources
    from core.models.bundle import Models
    from core.reader.assess import AssessConfig
    from core.reader.assess import assess_reader as assess

    with reporting(as_json):
        if not all(part.strip().isdigit() for part in ks.split(",")):
            raise TesseraError(f"{ks!r} is no list of numbers.", "Write --ks 1,3,5.")
        settings, ws = settings_and_workspace(workspace)
        models = Models(settings)
        corpus = Resources(ws, models).corpus
        asked = chosen_questions(questions, split, corpus)
        config = AssessConfig(
            ks=tuple(int(part) for part in ks.split(",")),
            questions=n,
            max_new_tokens=settings.max_new_tokens,
            seed=settings.seed,
        )
        lm = models.language_model(reader=not plain)
        scores = drive(assess(lm, models.encoder(), corpus, asked, config))["scores"]
        if as_json:
            emit(
                {"workspace": ws.name, "model": lm.identity.name, "reader": bool(lm.identity.adapter), "scores": scores}
            )
            return
        table = Table("passages", "n", "EM", "F1", "coverage", "gold there", "s")
        for score in scores:
            figures = [f"{score[name]:.2f}" for name in ("em", "f1", "coverage", "found", "seconds")]
            table.add_row(score["setting"], str(score["n"]), *figures)
        console.print(table)
