"""``ablate``: what each choice in a memory is worth."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from app.cli.common import JsonOption, WorkspaceOption, console, drive, emit, reporting, settings_and_workspace


def ablate(
    what: Annotated[
        str, typer.Option(help="Comma-separated: m, z_dim, rank, self-study, init, reading, read-mode.")
    ] = "m,z_dim,rank,self-study,init,reading,read-mode",
    minutes: Annotated[float, typer.Option(help="Minutes of training for all variants together.")] = 60.0,
    steps: Annotated[int, typer.Option(min=0, help="Steps of every variant, in place of --minutes.")] = 0,
    preset: Annotated[str, typer.Option(help="The memory that variants differ from; see train.")] = "laptop",
    n: Annotated[int, typer.Option("--n", min=1, help="Dev questions that each variant is asked.")] = 24,
    workspace: WorkspaceOption = "sample",
    as_json: JsonOption = False,
) -> None:
    """Train variants of the memory equally long, one change at a time, and measure them side by side. Resumes.

    Example: python -m app ablate --what rank,read-mode --minutes 60
    """
    from core.evaluation import ablation
    from core.memory.presets import load_preset
    from core.methods.resources import Resources
    from core.models.bundle import Models

    with reporting(as_json):
        names = tuple(name.strip() for name in what.split(",") if name.strip())
        plan = ablation.AblationPlan(names, minutes, n, load_preset(preset).config, steps)
        settings, ws = settings_and_workspace(workspace)
        resources = Resources(ws, Models(settings))
        corpus = resources.corpus
        folder = ablation.ablation_folder(resources, plan)
        rows = drive(ablation.ablate(resources, folder, plan))["rows"]
        if as_json:
            emit({"workspace": ws.name, "passages": len(corpus.passages), "folder": str(folder), "variants": rows})
        else:
            _show(rows)


def _show(rows: list[dict[str, Any]]) -> None:
    table = Table("variant", "R@1", "ROUGE-L", "shuffled", "difference", "in evidence", "EM", "evidence ms", "MB/1,000")
    measured = [row for row in rows if "left_out" not in row]
    for row in measured:
        shuffled = row["shuffled"]["rouge_l"]
        figures = [row["recall_at_1"], row["rouge_l"], shuffled, row["rouge_l"] - shuffled, row["coverage"], row["em"]]
        cells = [f"{figure:.3f}" for figure in figures]
        table.add_row(
            row["variant"], *cells, f"{row['evidence_ms']:,.0f}", f"{row['bytes_per_1000_documents'] / 1e6:,.0f}"
        )
    console.print(table)
    for row in rows:
        if "left_out" in row:
            console.print(f"{row['variant']}: left out, {row['left_out']}.", highlight=False)
    console.print(f"{rows[0]['steps']} steps each, {rows[0]['n_questions']} dev questions.", highlight=False)
