"""``serve-local``: the functions and the state machine over HTTP, in real worker processes on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.common import WorkspaceOption, aside, reporting, settings_and_workspace, until_interrupted


def serve_local(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")] = 8787,
    index: Annotated[str, typer.Option(help="Kind of index: flat or ivf-hnsw-sq.")] = "flat",
    url: Annotated[
        str | None,
        typer.Option(help="Folder or s3:// URL of the index; without it, one is built from the workspace."),
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Workers of the retrieval function.")] = 2,
    workspace: WorkspaceOption = "sample",
) -> None:
    """Serve /retrieve, /generate, /orchestrate and /ask on 127.0.0.1, as deploy/ does on AWS. Ctrl-C stops it.

    Example: python -m app serve-local, then: curl -d '{"question": "Who built it?"}' http://127.0.0.1:8787/ask
    """
    from core.labs.serverless.serving import serving

    with reporting(False):
        settings, ws = settings_and_workspace(workspace)
        with serving(ws, index, url, port, concurrency, settings.allowed_hosts) as front:
            aside.print(f"Serving /retrieve /generate /orchestrate /ask on {front.address}. Ctrl-C stops it.")
            until_interrupted()
