"""``bench memory``: what a process that answers takes, by owner, and how it grows."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from app.cli.common import JsonOption, WorkspaceOption, console, drive, emit, open_resources, reporting

_MB = 1e6


def memory(
    questions: Annotated[int, typer.Option(min=1, help="Questions that are asked of every method.")] = 50,
    method: Annotated[str, typer.Option("--method", "-m", help="Methods, comma-separated.")] = "rag,cag,memory",
    plain: Annotated[bool, typer.Option("--plain", help="Without the reader adapter.")] = False,
    workspace: WorkspaceOption = "sample",
    as_json: JsonOption = False,
) -> None:
    """Measure the memory of one process that answers by several methods, by owner, and how it grows.

    Example: python -m app bench memory --questions 50
    """
    from core.labs.benchmarks.memory import bench_memory

    with reporting(as_json):
        names = tuple(name.strip() for name in method.split(",") if name.strip())
        found = drive(bench_memory(lambda: open_resources(workspace, plain), names, questions))
        if as_json:
            emit({"workspace": workspace, **found})
        else:
            _show(found)


def _show(found: dict[str, Any]) -> None:
    table = Table("came with", "resident", "of it in no file")
    for owner, taken in found["owners"].items():
        table.add_row(owner, *(f"{taken[part] / _MB:,.0f} MB" for part in ("resident", "anonymous")))
    console.print(table)
    held = ", ".join(f"{name} {size / _MB:,.1f} MB" for name, size in found["held"].items())
    console.print(f"Counted by itself: {held}.", highlight=False, soft_wrap=True)
    growth = Table("questions", "resident", "of it in no file", "KV caches", "threads", "open files", "temporary files")
    for look in found["growth"]:
        sizes = (f"{look[part] / _MB:,.0f} MB" for part in ("resident", "anonymous", "caches"))
        counts = (str(look[part]) for part in ("threads", "open_files", "temporary_files"))
        growth.add_row(str(look["questions"]), *sizes, *counts)
    console.print(growth)
