"""``adapt``: teach the memory one new document, or make it forget one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.common import JsonOption, WorkspaceOption, console, drive, emit, reporting, settings_and_workspace


def adapt(
    text: Annotated[str, typer.Option(help="The document itself.")] = "",
    file: Annotated[Path | None, typer.Option(help="A text file with the document.")] = None,
    title: Annotated[str, typer.Option(help="Its title.")] = "New document",
    unseen: Annotated[
        int | None, typer.Option(min=1, help="Learn the N-th unseen passage of the sample, with its questions.")
    ] = None,
    forget: Annotated[str, typer.Option(help="Id of a document to forget instead.")] = "",
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps.")] = 50,
    workspace: WorkspaceOption = "sample",
    as_json: JsonOption = False,
) -> None:
    """Teach the memory one new document by training its z alone. All other documents keep their bits.

    Example: python -m app adapt --unseen 1
    """
    from core import pipeline
    from core.memory.adaptation import AdaptConfig
    from core.models.bundle import Models

    with reporting(as_json):
        settings, ws = settings_and_workspace(workspace)
        models = Models(settings)
        if forget:
            drive(pipeline.forget(ws, models, forget))
            if as_json:
                emit({"workspace": ws.name, "forgotten": forget})
            return
        passage, questions, held_out = _document(text, file, title, unseen, models.prompt().count)
        work = pipeline.adapt(ws, models, passage, questions, held_out, AdaptConfig(steps=steps))
        last: dict[str, Any] = drive(work)
        if as_json:
            emit({"workspace": ws.name, "passage_id": passage.id, **last})
            return
        console.print(f"Learned {passage.id!r} in {steps} steps; the loss is {last.get('loss', 0.0):.3f}.")
        for question in [*questions, *held_out]:
            said = last.get("evidence", {}).get(question.id)
            if said is not None:
                console.print(f"{question.text}\n  -> {said}", markup=False)


def _document(text: str, file: Path | None, title: str, unseen: int | None, count: Any) -> tuple[Any, Any, Any]:
    """The passage to learn, the questions to learn from, and those that are only looked at."""
    from core.corpus.importing import import_files
    from core.corpus.sample import load_unseen
    from core.corpus.types import Passage
    from core.errors import TesseraError

    if unseen is not None:
        documents = load_unseen()
        if unseen > len(documents):
            raise TesseraError(f"There is no unseen passage {unseen}.", f"Choose 1 to {len(documents)}.")
        passage, questions = documents[unseen - 1]
        return passage, questions[:-2], questions[-2:]
    if file is not None:
        if not file.is_file():
            raise TesseraError(f"There is no file {file}.", "Give the path of a document.")
        report = import_files([(file.name, file.read_bytes())], count)
        if report.failed:
            raise TesseraError(report.failed[0].error)
        if len(report.passages) != 1:
            raise TesseraError(
                f"{file.name} gives {len(report.passages)} passages, and a memory learns one at a time.",
                "Give a shorter text, or put the file in the corpus and train.",
            )
        return report.passages[0], (), ()
    if not text.strip():
        raise TesseraError("There is nothing to learn.", "Give --text, --file or --unseen.")
    name = "-".join(title.lower().split())[:40] or "new-document"
    return Passage(name, title, text.strip()), (), ()
