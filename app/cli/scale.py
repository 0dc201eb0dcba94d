"""Answering on many machines: ``serve-cells`` runs the replicas that ``query --ray`` asks."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from app.cli.common import PlainOption, WorkspaceOption, console, emit, open_resources, until_interrupted, wants_json


def serve_cells(
    replicas: Annotated[
        int | None, typer.Option(min=1, help="Copies of the model; without it, one on every node.")
    ] = None,
    uses: Annotated[
        bool, typer.Option("--uses", help="Print what each running replica has done, and its hit rate, instead.")
    ] = False,
    plain: PlainOption = False,
    workspace: WorkspaceOption = "sample",
) -> None:
    """Run replicas on Ray Serve that hold the caches of whole cells; `query --ray --method cag_cell` asks them.

    They run on the cluster of RAY_ADDRESS, or on a Ray that is started here, until Ctrl-C. Every machine must see the
    workspace under the same path, and the caches where TESSERA_CACHE_URL has put them.

    Example: python -m app serve-cells --replicas 2
    """
    from core.distributed.serving import replica_uses, serving

    resources = open_resources(workspace, plain)
    if uses:
        rows = replica_uses(resources)
        if wants_json():
            emit({"workspace": resources.workspace.name, "replicas": rows})
            return
        table = Table("replica", "node", "questions", "cell in memory", "hit rate")
        for name, row in rows.items():
            questions = row["hits"] + row["misses"]
            table.add_row(name, row["node"], f"{questions:,}", f"{row['hits']:,}", f"{row['hit_rate']:.0%}")
        console.print(table)
        return
    with serving(resources, replicas) as count:
        if wants_json():
            emit({"workspace": resources.workspace.name, "replicas": count})
        until_interrupted(f"{count} replicas answer from the cells of {resources.workspace.name}. Ctrl-C ends them.")
