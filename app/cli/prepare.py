"""``prepare``: bring a corpus in, embed its passages, build the search index."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.common import (
    RayOption,
    WorkspaceOption,
    aside,
    console,
    drive,
    emit,
    say,
    settings_and_workspace,
    wants_json,
    warn,
    workers_for,
)

if TYPE_CHECKING:
    from core.corpus.readers.base import ColumnChoice


def prepare(
    dataset: Annotated[
        str,
        typer.Option(
            help="sample, sample-ko, natural_questions, hotpotqa, squad, or a path: a document (PDF, DOCX, PPTX, XLSX, "
            "HTML, EPUB, Markdown, TXT), a table (CSV, TSV, JSON, JSONL, Parquet), a published data set, or a folder."
        ),
    ] = "sample",
    text_column: Annotated[str, typer.Option(help="Of a table: the column that holds the text.")] = "",
    title_column: Annotated[str, typer.Option(help="Of a table: the column that holds the title.")] = "",
    id_column: Annotated[str, typer.Option(help="Of a table: the column that holds the id.")] = "",
    length: Annotated[int, typer.Option(help="Tokens that a passage of a document aims at, 64 to 640.")] = 128,
    overlap: Annotated[
        int, typer.Option(help="Tokens that it repeats of the one before, in whole sentences, up to half its length.")
    ] = 0,
    size: Annotated[int | None, typer.Option(min=1, help="Keep the first SIZE passages.")] = None,
    ray: RayOption = None,
    workspace: WorkspaceOption = "sample",
) -> None:
    """Bring a corpus in: read, chunk, embed and index its passages.

    Example: python -m app prepare --dataset natural_questions --size 1000 --workspace nq
    """
    from core import pipeline
    from core.corpus.chunking import Chunking
    from core.corpus.readers.base import Columns, ColumnsUnknown
    from core.corpus.store import load_passages
    from core.errors import CorpusError
    from core.jobs import Progress
    from core.methods.script_warnings import corpus_warnings
    from core.models.embeddings import truncation_warning
    from core.models.registry import Models

    settings, ws = settings_and_workspace(workspace, new=True)
    refused: list[dict[str, str]] = []
    assumed: list[dict[str, str]] = []
    duplicates: list[int] = []

    def note(step: Progress) -> None:
        refused.extend(step.data.get("left_out", ()))
        duplicates.append(step.data.get("duplicates", 0))
        assumed.extend(step.data.get("notes", ()))

    columns = Columns(text_column, title_column, id_column)
    try:
        chunking = Chunking(length, overlap)
        models = Models(settings)
        with workers_for(ray, settings) as workers:
            drive(pipeline.prepare(ws, models, dataset, size, None, columns, chunking, workers), note)
    except ColumnsUnknown as error:
        raise CorpusError(error.what, _options(error.choice)) from error
    figures = ws.params("corpus")
    unread = corpus_warnings(load_passages(ws), models, settings)
    if wants_json():
        emit(
            {
                "workspace": ws.name,
                **figures,
                "left_out": refused,
                "notes": assumed,
                "duplicates": sum(duplicates),
                "warning": truncation_warning(ws),
                "warnings": list(unread),
            }
        )
    else:
        for file in refused:
            say(f"Left out: {file['error']}", aside)
        for file in assumed:
            say(f"{file['name']}: {file['note']}", aside)
        if warning := truncation_warning(ws):
            say(warning, aside)
        warn(unread)
        if sum(duplicates):
            aside.print(f"Left out: {sum(duplicates):,} passages whose title and text another one has.")
        console.print(f"{figures['passages']:,} passages and {figures['questions']:,} questions in {ws.path}.")


def _options(choice: ColumnChoice) -> str:
    """The options to type if it is not clear which column holds the text."""
    proposed = shlex.quote(choice.proposed or "NAME")
    return f"Add --text-column {proposed}, and --title-column or --id-column where there are such."
