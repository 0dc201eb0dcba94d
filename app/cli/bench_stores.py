"""``bench stores``: recall against speed for every vector store."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from app.cli.common import JsonOption, WorkspaceOption, console, drive, emit, reporting, settings_and_workspace

if TYPE_CHECKING:
    from core.labs.benchmarks.store_verdict import Measured, Tested


def stores(
    synthetic: Annotated[
        int, typer.Option(min=0, help="Clustered synthetic vectors to search, too; 0 leaves them out.")
    ] = 100_000,
    dim: Annotated[int, typer.Option(min=2, help="Dimension of the synthetic vectors.")] = 384,
    queries: Annotated[int, typer.Option(min=1, help="Most questions per setting.")] = 200,
    only: Annotated[str, typer.Option("--only", help="Comma-separated stores; all when empty.")] = "",
    workspace: WorkspaceOption = "sample",
    as_json: JsonOption = False,
) -> None:
    """Measure recall, latency, throughput, build time and size of every store; keep the result for the Stores page.

    Example: python -m app bench stores --workspace nq --synthetic 100000 --json
    """
    from dataclasses import asdict

    from core.labs.benchmarks import stores as bench
    from core.labs.benchmarks import workloads
    from core.models.registry import Models

    with reporting(as_json):
        settings, ws = settings_and_workspace(workspace)
        ws.require("embeddings")
        makers = [partial(workloads.of_workspace, ws, Models(settings), queries, settings.seed)]
        if synthetic:
            makers.append(partial(workloads.synthetic, synthetic, dim, queries, settings.seed))
        drive(bench.run(ws, makers, [name.strip() for name in only.split(",") if name.strip()]))
        result = bench.load(ws)
        if result is None:
            return
        if as_json:
            emit({"workspace": ws.name, **asdict(result)})
            return
        for tested in result.tested:
            _show(tested, result.k, result.clients)
        console.print(f"\nMeasured with {result.machine}. * no other setting finds as much at least as fast.")


def _show(tested: Tested, k: int, clients: int) -> None:
    console.print(f"\n[bold]{tested.workload}[/], {tested.dim} dimensions, {tested.queries} {tested.asked}")
    names = list(dict.fromkeys(row.store for row in tested.rows))
    for name in names:
        rows = [row for row in tested.rows if row.store == name]
        built, memory = rows[0], rows[0].memory_bytes
        held = "" if memory is None else f", {memory / 1e6:,.1f} MB in memory"
        size = f"built in {built.build_s:.1f} s, {built.disk_bytes / 1e6:,.1f} MB on disk{held}"
        table = Table(title=f"{built.label}: {size}", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1))
        table.add_column("setting", width=24)
        for heading in (f"recall@{k}", f"gold@{k}", "p50 ms", "p99 ms", "QPS", f"QPS x{clients}"):
            table.add_column(heading, justify="right")
        for row in rows:
            worth = "" if row.dominated or row.recall is None else " *"
            table.add_row(row.setting + worth, _share(row.recall), _share(row.gold), *_speeds(row))
        console.print(table)
    for name, why in tested.skipped.items():
        console.print(f"{name} was left out: {why}", markup=False, highlight=False)
    console.print(tested.verdict, markup=False, highlight=False)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _speeds(row: Measured) -> tuple[str, str, str, str]:
    return f"{row.p50_ms:.2f}", f"{row.p99_ms:.2f}", f"{row.qps_1:,.0f}", f"{row.qps_many:,.0f}"
