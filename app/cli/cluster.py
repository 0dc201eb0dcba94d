"""``cluster``: cut the embedding space into Voronoi cells and lay them out in the plane."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.common import JsonOption, WorkspaceOption, console, drive, emit, reporting, settings_and_workspace


def cluster(
    auto_k: Annotated[bool, typer.Option("--auto-k/--no-auto-k", help="Let the silhouette choose k.")] = True,
    k: Annotated[int | None, typer.Option(min=1, help="Exactly this many cells; needs --no-auto-k.")] = None,
    cell_tokens: Annotated[
        int | None,
        typer.Option(
            min=64,
            help="Most passage tokens in a cell, for whole-cell caches: larger ones are split. Blocks need no bound.",
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of k-means and of the projection.")] = None,
    workspace: WorkspaceOption = "sample",
    as_json: JsonOption = False,
) -> None:
    """Cut the passages into Voronoi cells by spherical k-means, and project them to the plane.

    Example: python -m app cluster --no-auto-k --k 20
    """
    from core import pipeline
    from core.errors import TesseraError
    from core.models.registry import Models
    from core.voronoi.partition import PartitionConfig, explain_cell_count

    with reporting(as_json):
        if auto_k and k is not None:
            raise TesseraError("--k was given, but k is chosen automatically.", "Add --no-auto-k.")
        if not auto_k and k is None:
            raise TesseraError("--no-auto-k needs a number of cells.", "Add --k 20, say.")
        settings, ws = settings_and_workspace(workspace)
        config = PartitionConfig(
            auto_k=auto_k,
            k=k,
            cell_tokens=cell_tokens or (settings.cell_tokens if auto_k else 0) or None,
            seed=settings.seed if seed is None else seed,
        )
        drive(pipeline.cluster(ws, Models(settings), settings, config))
        manifest = ws.manifest("partition")
        figures = manifest.params if manifest else {}
        if as_json:
            emit({"workspace": ws.name, **figures})
        else:
            console.print(f"{figures['cells']} cells, silhouette {figures['silhouette']:.3f}.")
            if k is not None and figures["cells"] != k:
                console.print(explain_cell_count(figures["cells"], k, figures["cell_tokens"] or 0))
