"""``documents`` of a workspace, ``questions`` written for it, its ``rename`` and ``delete``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.common import (
    EXIT_FAILED,
    WorkspaceOption,
    aside,
    deliver,
    drive,
    emit,
    say,
    settings_and_workspace,
    wants_json,
)

if TYPE_CHECKING:
    from core.corpus.types import Corpus
    from core.models.registry import Models


def documents(
    add: Annotated[
        list[Path] | None,
        typer.Option("--add", help="A file to read; one of that name in the workspace is replaced. May be repeated."),
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", help="A document to take out. May be repeated.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Undo the last change.")] = False,
    workspace: WorkspaceOption = "sample",
) -> None:
    """List the documents of a workspace, or add, replace and remove some: only what changed is rebuilt.

    Removing a document also removes its passages, vectors, blocks, z and cached answers. Its text is kept until the
    next change, for --undo.

    Example: python -m app documents --workspace manuals --add new-manual.pdf --remove old-manual.pdf
    """
    from core import revision
    from core.corpus import store
    from core.corpus.documents import documents as stored
    from core.corpus.documents import without
    from core.errors import TesseraError
    from core.models.registry import Models

    settings, ws = settings_and_workspace(workspace)
    corpus = ws.read("corpus", store.load)
    if undo and (add or remove):
        raise TesseraError("--undo stands alone.", "Undo first, then add or remove.")
    models = Models(settings)
    if undo:
        drive(revision.undo(ws, models, settings))
    elif add or remove:
        changed = without(corpus, remove or ())
        originals = ((path.name, path.read_bytes()) for path in add or ())
        drive(revision.revise(ws, models, settings, _with_files(changed, add or [], models), originals))
    corpus = ws.read("corpus", store.load)
    if wants_json():
        rows = [asdict(document) for document in stored(corpus)]
        emit({"workspace": ws.name, "documents": rows, "passages": len(corpus.passages)})
        return
    for document in stored(corpus):
        say(f"{document.passages:>6,}  {document.file}")
    say(f"{len(corpus.passages):,} passages in {ws.path}.")


def _with_files(corpus: Corpus, paths: list[Path], models: Models) -> Corpus:
    from core.corpus.documents import others, put
    from core.corpus.importing import Importer
    from core.errors import CorpusError
    from core.jobs import finish

    importer = Importer(models.prompt().count, others(corpus, [path.name for path in paths]), corpus.chunking)
    for path in paths:
        finish(importer.reading_path(path))
    report = importer.report()
    if report.failed:
        raise CorpusError(report.failed[0].error)
    for file in report.files:
        if file.note or file.duplicates:
            copies = f"{file.duplicates:,} passages are there already. " if file.duplicates else ""
            say(f"{file.name}: {copies}{file.note}", aside)
    return put(corpus, report)


def rename(
    name: Annotated[str, typer.Argument(help="The new name.")],
    workspace: Annotated[str, typer.Option("--workspace", "-w", help="Name under workspaces/, or a path.")],
) -> None:
    """Give a workspace another name.

    Example: python -m app rename manuals-2025 --workspace manuals
    """
    from core.removal import rename_workspace
    from core.workspace import existing_workspace

    settings, _ = settings_and_workspace(workspace)
    renamed = rename_workspace(existing_workspace(workspace, settings.workspaces), name)
    deliver({"workspace": renamed.name, "path": str(renamed.path)}, lambda: say(f"{workspace} is now {renamed.name}."))


def questions(
    n: Annotated[int, typer.Option("--n", min=1, help="Number of questions to keep.")] = 20,
    workspace: WorkspaceOption = "sample",
) -> None:
    """Write questions from the passages, keep those that the reader answers from their own passage.

    They become dev questions of the corpus and replace those generated before.

    Example: python -m app questions --workspace mine
    """
    from dataclasses import asdict

    from core.corpus.store import load
    from core.evaluation.generated import generate, generated
    from core.models.registry import Models

    settings, ws = settings_and_workspace(workspace)
    drive(generate(ws, Models(settings), settings, n))
    written = generated(ws.read("corpus", load))
    if wants_json():
        emit({"workspace": ws.name, "questions": [asdict(question) for question in written]})
        return
    for question in written:
        say(f"{question.text}  {' / '.join(question.answers)}")


def delete(
    workspace: Annotated[str, typer.Option("--workspace", "-w", help="Name under workspaces/, or a path.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
) -> None:
    """Delete a workspace, with its indexes, answers and feedback in Redis and its cells in object storage.

    Lists what will be deleted and asks for confirmation; with --json and without --yes it only lists. Cells that
    another workspace needs stay, and so does what belongs to the workspace that this one is a copy of.

    Example: python -m app delete --workspace mine
    """
    from core.removal import belongings, delete_workspace
    from core.workspace import existing_workspace

    settings, _ = settings_and_workspace(workspace)
    ws = existing_workspace(workspace, settings.workspaces)
    parts = belongings(ws)
    if wants_json():
        if yes:
            delete_workspace(ws)
        listed = [{"what": part.what, "where": part.where, "stays": part.stays} for part in parts]
        emit({"workspace": ws.name, "deleted": yes, "belongings": listed})
        return
    for part in parts:
        note = " (stays: it belongs to the workspace that this one is a copy of)" if part.stays else ""
        say(f"  {part.what}: {part.where}{note}", aside)
    if not yes and not typer.confirm(f"Delete the workspace {ws.name} with all of this?", err=True):
        aside.print("Nothing was deleted.")
        raise typer.Exit(EXIT_FAILED)
    delete_workspace(ws)
    say(f"The workspace {ws.name} is deleted.")
