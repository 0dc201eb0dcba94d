"""``verify``: is a cache the same as the text it stands for?"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import typer
from rich.table import Table

from app.cli.common import (
    EXIT_FAILED,
    JsonOption,
    WorkspaceOption,
    console,
    drive,
    emit,
    reporting,
    settings_and_workspace,
)


def verify(
    cells: Annotated[int, typer.Option(min=1, help="How many cells to check, from the largest to the smallest.")] = 2,
    workspace: WorkspaceOption = "sample",
    as_json: JsonOption = False,
) -> None:
    """Measure that caches answer exactly as their text does; exit code 1 if they do not.

    Loads the model in float32, whatever the settings say, and builds caches of a few cells in a temporary folder.

    Example: python -m app verify --cells 3
    """
    from core.labs.benchmarks.cache_exactness import verify as checks
    from core.models.language_model import LanguageModel
    from core.models.variant import ModelVariant
    from core.voronoi.partition import load_cells

    with reporting(as_json):
        settings, ws = settings_and_workspace(workspace)
        variant = ModelVariant.of(settings)
        found: list[dict[str, Any]] = []
        work = checks(
            load_cells(ws),
            lambda dtype: LanguageModel.load(replace(variant, dtype=dtype), settings),
            variant.dtype,
            cells,
        )
        drive(work, lambda step: found.append(dict(step.data)) if step.data else None)
        exact = all(check["passed"] is not False for check in found)
        if as_json:
            emit({"workspace": ws.name, "model": settings.model, "exact": exact, "checks": found})
        else:
            _show(found)
        if not exact:
            raise typer.Exit(EXIT_FAILED)


def _show(checks: list[dict[str, Any]]) -> None:
    table = Table("Check", "Measured", "Bound", "", "Format")
    for check in checks:
        bound = f"{check['relation']} {check['bound']:g}" if check["relation"] else "reported"
        mark = {True: "passed", False: "FAILED", None: ""}[check["passed"]]
        table.add_row(check["name"], f"{check['value']:.3g} {check['unit']}", bound, mark, check["dtype"])
    console.print(table)
