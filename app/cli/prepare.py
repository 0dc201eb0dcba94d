"""``prepare``: bring a corpus in, embed its passages, build the search index."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.common import (
    JsonOption,
    WorkspaceOption,
    aside,
    console,
    drive,
    emit,
    reporting,
    settings_and_workspace,
)


def prepare(
    dataset: Annotated[
        str,
        typer.Option(
            help="sample, natural_questions, hotpotqa, squad, or a path: a CSV, JSONL, Parquet, TXT, "
            "Markdown or PDF file, or a folder."
        ),
    ] = "sample",
    size: Annotated[int | None, typer.Option(min=1, help="Keep the first SIZE passages.")] = None,
    workspace: WorkspaceOption = "sample",
    as_json: JsonOption = False,
) -> None:
    """Bring a corpus in: read, chunk, embed and index its passages.

    Example: python -m app prepare --dataset natural_questions --size 1000 --workspace nq
    """
    from core import pipeline
    from core.models.bundle import Models

    with reporting(as_json):
        settings, ws = settings_and_workspace(workspace)
        refused: list[dict[str, str]] = []
        work = pipeline.prepare(ws, Models(settings), dataset, size)
        drive(work, lambda step: refused.extend(step.data.get("left_out", ())))
        manifest = ws.manifest("corpus")
        figures = manifest.params if manifest else {}
        if as_json:
            emit({"workspace": ws.name, **figures, "left_out": refused})
        else:
            for file in refused:
                aside.print(f"Left out: {file['error']}", markup=False, highlight=False, soft_wrap=True)
            console.print(f"{figures['passages']:,} passages and {figures['questions']:,} questions in {ws.path}.")
