"""``adapt``, ``edit`` and ``forget``: teach the memory one document, another text of one, or the lack of one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.common import JsonOption, WorkspaceOption, console, drive, emit, reporting, settings_and_workspace
from app.cli.document import FileOption, TextOption, document, unseen_document

if TYPE_CHECKING:
    from core.corpus.types import Question

StepsOption = Annotated[int, typer.Option(min=1, help="Optimiser steps.")]


def adapt(
    text: TextOption = "",
    file: FileOption = None,
    title: Annotated[str, typer.Option(help="Its title; without it, 'New document'.")] = "",
    unseen: Annotated[
        int | None, typer.Option(min=1, help="Learn the N-th unseen passage of the sample, with its questions.")
    ] = None,
    replace: Annotated[str, typer.Option(help="Id of a document whose place it takes; see edit.")] = "",
    forget: Annotated[str, typer.Option(help="Id of a document to forget instead; see forget.")] = "",
    steps: StepsOption = 50,
    workspace: WorkspaceOption = "sample",
    as_json: JsonOption = False,
) -> None:
    """Teach the memory one new document by training its z alone. All other documents keep their bits.

    Example: python -m app adapt --unseen 1
    """
    with reporting(as_json):
        if forget:
            _forget(forget, workspace, as_json)
        else:
            _learn(text, file, title, unseen, replace, steps, workspace, as_json)


def edit(
    passage_id: Annotated[str, typer.Argument(help="Id of the document.")],
    text: TextOption = "",
    file: FileOption = None,
    title: Annotated[str, typer.Option(help="Its new title; without it, the old one.")] = "",
    steps: StepsOption = 50,
    workspace: WorkspaceOption = "sample",
    as_json: JsonOption = False,
) -> None:
    """Give a document of the memory another text: its z begins anew and is trained. The others keep their bits.

    Example: python -m app edit geo-01 --file brannoch.txt
    """
    with reporting(as_json):
        _learn(text, file, title, None, passage_id, steps, workspace, as_json)


def forget(
    passage_id: Annotated[str, typer.Argument(help="Id of the document.")],
    workspace: WorkspaceOption = "sample",
    as_json: JsonOption = False,
) -> None:
    """Take a document out of the memory: its z is gone, the others keep their bits.

    Example: python -m app forget geo-u1
    """
    with reporting(as_json):
        _forget(passage_id, workspace, as_json)


def _forget(passage_id: str, workspace: str, as_json: bool) -> None:
    from core import pipeline
    from core.models.bundle import Models

    settings, ws = settings_and_workspace(workspace)
    drive(pipeline.forget(ws, Models(settings), passage_id))
    if as_json:
        emit({"workspace": ws.name, "forgotten": passage_id})
    else:
        console.print(f"Forgot {passage_id!r}.")


def _learn(
    text: str, file: Path | None, title: str, unseen: int | None, edited: str, steps: int, workspace: str, as_json: bool
) -> None:
    from dataclasses import replace

    from core import pipeline
    from core.memory.adaptation import AdaptConfig
    from core.memory.store import load_pool
    from core.models.bundle import Models

    settings, ws = settings_and_workspace(workspace)
    models = Models(settings)
    questions: tuple[Question, ...] = ()
    held_out: tuple[Question, ...] = ()
    if unseen is not None:
        passage, asked = unseen_document(unseen)
        questions, held_out = asked[:-2], asked[-2:]
    else:
        passage = document(text, file, title, models.prompt().count)
    if edited:
        pool = load_pool(ws.require("memory"))
        passage = replace(passage, id=edited, title=title.strip() or pool.titles[pool.row(edited)])
    work = pipeline.adapt(ws, models, passage, questions, held_out, AdaptConfig(steps=steps), edit=bool(edited))
    last: dict[str, Any] = drive(work)
    if as_json:
        emit({"workspace": ws.name, "passage_id": passage.id, **last})
        return
    console.print(f"Learned {passage.id!r} in {steps} steps; the loss is {last.get('loss', 0.0):.3f}.")
    if "first_right" in last:
        console.print(f"A watched question was first answered right after {last['first_right']} steps.")
    elif questions or held_out:
        console.print("No watched question was answered right yet.")
    for question in [*questions, *held_out]:
        said = last.get("evidence", {}).get(question.id)
        if said is not None:
            console.print(f"{question.text}\n  -> {said}", markup=False)
