"""How exact caches are: ``verify`` them, and what each ``precision`` weighs and changes."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from app.cli.common import (
    EXIT_FAILED,
    PlainOption,
    QuestionsOption,
    SplitOption,
    WorkspaceOption,
    console,
    deliver,
    drive,
    open_resources,
    settings_and_workspace,
)
from app.cli.evaluate import chosen_questions


def verify(
    cells: Annotated[int, typer.Option(min=1, help="How many cells to check, from the largest to the smallest.")] = 2,
    workspace: WorkspaceOption = "sample",
) -> None:
    """Measure that caches answer exactly as their text does; exit code 1 if they do not.

    Loads the model in float32, whatever the settings say, and builds caches of a few cells in a temporary folder.

    Example: python -m app verify --cells 3
    """
    from core.labs.benchmarks.cache_exactness import verify_workspace

    settings, ws = settings_and_workspace(workspace)
    checks: list[dict[str, Any]] = []
    drive(verify_workspace(ws, settings, cells), lambda step: checks.append(dict(step.data)) if step.data else None)
    exact = all(check["passed"] is not False for check in checks)
    deliver(
        {"workspace": ws.name, "model": settings.model, "exact": exact, "checks": checks}, lambda: _show_verify(checks)
    )
    if not exact:
        raise typer.Exit(EXIT_FAILED)


def _show_verify(checks: list[dict[str, Any]]) -> None:
    table = Table("Check", "Measured", "Bound", "", "Format")
    for check in checks:
        bound = f"{check['relation']} {check['bound']:g}" if check["relation"] else "reported"
        mark = {True: "passed", False: "FAILED", None: ""}[check["passed"]]
        table.add_row(check["name"], f"{check['value']:.3g} {check['unit']}", bound, mark, check["dtype"])
    console.print(table)


def precision(
    cells: Annotated[int, typer.Option(min=1, help="Write this many cells in every format.")] = 4,
    n: Annotated[int, typer.Option("--n", min=1, help="Ask at most this many questions of each.")] = 20,
    questions: QuestionsOption = None,
    split: SplitOption = "dev",
    plain: PlainOption = False,
    workspace: WorkspaceOption = "sample",
) -> None:
    """Compare float32, bfloat16, fp8, int8 and int4 caches: bytes, load times, logit error, EM and F1.

    Cells are prefilled once and written to a temporary folder in every format; the workspace's caches stay as they
    are, and need not be built.

    Example: python -m app precision --cells 4 --n 20
    """
    from core.labs.benchmarks.cache_precision import RoutedQuestion, choose_questions, precision_table
    from core.voronoi.partition import Partition, load_cells
    from core.voronoi.routing import route

    resources = open_resources(workspace, plain)
    settings, ws = resources.settings, resources.workspace
    partition = ws.read("partition", Partition.load)
    possible = chosen_questions(questions, split, resources.corpus)
    encoder, lm = resources.models.encoder(), resources.language_model()
    routed = [RoutedQuestion(q, route(partition, encoder.encode_query(q.text)).cells[0]) for q in possible]
    routed_questions = choose_questions(routed, cells, n)
    table = drive(precision_table(lm, load_cells(ws), routed_questions, settings.max_new_tokens))
    facts = {"workspace": ws.name, "model": lm.identity.name, "device": str(lm.device), **table}
    deliver(facts, lambda: _show_precision(facts))


def _show_precision(facts: dict[str, Any]) -> None:
    table = Table(
        "kept in", "MB per 1,000 tokens", "cold ms", "warm ms", "logit error, max", "mean", "same", "EM", "F1"
    )
    for row in facts["rows"]:
        cold = "-" if row["cold_ms"] is None else f"{row['cold_ms']:,.1f}"
        table.add_row(
            row["precision"],
            f"{row['bytes_per_1000_tokens'] / 1e6:,.1f}",
            cold,
            f"{row['warm_ms']:,.1f}",
            f"{row['max_logit_error']:.3f}",
            f"{row['mean_logit_error']:.4f}",
            f"{row['same_answer']:.0%}",
            f"{row['em']:.2f}",
            f"{row['f1']:.2f}",
        )
    console.print(table)
    console.print(
        f"{facts['n']} questions over {facts['cells']} cells; {facts['model']} on {facts['device']}, errors against "
        f"{facts['reference']}. Load times are medians; cold: the file dropped from the page cache (Linux)."
    )
    reference = next(row for row in facts["rows"] if row["precision"] == facts["reference"])
    console.print(
        f"Loading a cell in {reference['precision']}: {reference['warm_ms']:,.1f} ms warm; reading its bytes alone "
        f"{reference['read_ms']:,.1f} ms; mapping the file {reference['mapped_ms']:,.1f} ms, and "
        f"{reference['touched_ms']:,.1f} ms once every byte is touched."
    )
