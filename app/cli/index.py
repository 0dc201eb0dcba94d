"""``index``: one more vector store over the passages of a workspace."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.common import JsonOption, WorkspaceOption, console, drive, emit, reporting, settings_and_workspace
from core.artefacts import DEFAULT_STORE
from core.stores.registry import STORES


def index(
    store: Annotated[
        str,
        typer.Option(help=f"One of: {', '.join(STORES)}."),
    ] = DEFAULT_STORE,
    force: Annotated[bool, typer.Option("--force", help="Build it anew although it still holds.")] = False,
    workspace: WorkspaceOption = "sample",
    as_json: JsonOption = False,
) -> None:
    """Index the passages of a prepared workspace in a store, beside the indexes that are there.

    Example: python -m app index --store lancedb-ivf-hnsw-sq
    """
    from core.artefacts import index_kind
    from core.stores.index import build_index

    with reporting(as_json):
        _, ws = settings_and_workspace(workspace)
        drive(build_index(ws, store, force))
        manifest = ws.manifest(index_kind(store))
        figures = {**manifest.params, "build_s": manifest.build_s} if manifest else {}
        if as_json:
            emit({"workspace": ws.name, **figures})
        else:
            console.print(f"{figures.get('backend', store)}: {figures.get('bytes', 0) / 1e6:,.1f} MB in {ws.path}.")
