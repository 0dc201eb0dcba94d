"""``precision``: what each number format of the KV caches weighs, how it loads, and what it does to answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from app.cli.common import JsonOption, WorkspaceOption, console, drive, emit, open_resources, reporting
from app.cli.evaluate import chosen_questions


def precision(
    cells: Annotated[int, typer.Option(min=1, help="Write this many cells in every format.")] = 4,
    n: Annotated[int, typer.Option("--n", min=1, help="Ask at most this many questions of each.")] = 20,
    questions: Annotated[
        Path | None, typer.Option(help="A questions file (JSONL); without it, the corpus' own questions.")
    ] = None,
    split: Annotated[str, typer.Option(help="Which of the corpus' own questions: train, dev or test.")] = "dev",
    plain: Annotated[bool, typer.Option("--plain", help="Read without the reader adapter.")] = False,
    workspace: WorkspaceOption = "sample",
    as_json: JsonOption = False,
) -> None:
    """Compare float32, bfloat16, fp8, int8 and int4 caches: bytes, load times, logit error, EM and F1.

    Cells are prefilled once and written to a temporary folder in every format; the workspace's caches stay as they
    are, and need not be built.

    Example: python -m app precision --cells 4 --n 20
    """
    from core.labs.benchmarks.cache_precision import Asked, choose_asked, precision_table
    from core.voronoi.partition import Partition, load_cells
    from core.voronoi.routing import route

    with reporting(as_json):
        resources = open_resources(workspace, plain)
        settings, ws = resources.settings, resources.workspace
        partition = ws.read("partition", Partition.load)
        possible = chosen_questions(questions, split, resources.corpus)
        encoder, lm = resources.models.encoder(), resources.language_model()
        routed = [Asked(q, route(partition, encoder.encode_query(q.text)).cells[0]) for q in possible]
        asked = choose_asked(routed, cells, n)
        found = drive(precision_table(lm, load_cells(ws), asked, settings.max_new_tokens))
        facts = {"workspace": ws.name, "model": lm.identity.name, "device": str(lm.device), **found}
        if as_json:
            emit(facts)
        else:
            _show(facts)


def _show(facts: dict[str, Any]) -> None:
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
    own = next(row for row in facts["rows"] if row["precision"] == facts["reference"])
    console.print(
        f"Loading a cell in {own['precision']}: {own['warm_ms']:,.1f} ms warm; reading its bytes alone "
        f"{own['read_ms']:,.1f} ms; mapping the file {own['mapped_ms']:,.1f} ms, and {own['touched_ms']:,.1f} ms once "
        "every byte is touched."
    )
