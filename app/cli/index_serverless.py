"""``index-serverless``: the passages of a workspace as the index that the functions read, in a folder or on S3."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.common import JsonOption, WorkspaceOption, console, emit, reporting, settings_and_workspace


def index_serverless(
    url: Annotated[str, typer.Option(help="Folder or s3://bucket/prefix to put it in.")],
    kind: Annotated[str, typer.Option(help="flat or ivf-hnsw-sq.")] = "flat",
    workspace: WorkspaceOption = "sample",
    as_json: JsonOption = False,
) -> None:
    """Put the passages of a workspace where the serverless functions find them: vectors, index and texts.

    Example: python -m app index-serverless --workspace mine --url s3://bucket/index
    """
    from core.labs.serverless.serving import publish

    with reporting(as_json):
        _, ws = settings_and_workspace(workspace)
        stats = publish(ws, url, kind)
        if as_json:
            emit({"url": url, "kind": kind, "passages": stats.documents, "bytes": stats.bytes})
        else:
            console.print(f"{stats.documents:,} passages, {stats.bytes:,} bytes in {url}.", markup=False)
