"""``routing``: how often the opened cells hold the gold passage, by cells opened and by margin."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from app.cli.common import JsonOption, WorkspaceOption, console, drive, emit, reporting, settings_and_workspace
from app.cli.evaluate import chosen_questions
from core.units import plural

if TYPE_CHECKING:
    from core.labs.benchmarks.routing_recall import RecallReport


def routing(
    questions: Annotated[
        Path | None, typer.Option(help="A questions file (JSONL); without it, the corpus' own questions.")
    ] = None,
    split: Annotated[str, typer.Option(help="Which of the corpus' own questions: train, dev or test.")] = "dev",
    n: Annotated[int | None, typer.Option("--n", min=1, help="Route the first N questions.")] = None,
    workspace: WorkspaceOption = "sample",
    as_json: JsonOption = False,
) -> None:
    """Measure what looking into more cells (nprobe) finds and reads, against a search of all passages.

    The Map page draws what was measured.

    Example: python -m app routing --split test
    """
    from core.labs.benchmarks.routing_recall import kept_report, measure_recall
    from core.methods.resources import Resources
    from core.models.registry import Models

    with reporting(as_json):
        settings, ws = settings_and_workspace(workspace)
        models = Models(settings)
        corpus = Resources(ws, models, settings).corpus
        asked = chosen_questions(questions, split, corpus)[:n]
        name = questions.stem if questions else split
        drive(measure_recall(ws, models.encoder(), asked, corpus.index(), name, settings.top_k))
        report = kept_report(ws, name)
        if report is None:
            raise RuntimeError("a report that was just written is there")  # a bug, not a user's error
        if as_json:
            emit({"workspace": ws.name, **asdict(report)})
        else:
            _show(report)


def _show(report: RecallReport) -> None:
    blocks = Table("cells looked into", "share", f"Recall@{report.k}", "passages compared", "KB of vectors")
    for search in report.searches:
        mark = " (default)" if search.nprobe == report.default else ""
        share = f"{search.nprobe / report.cells:.1%}"
        cells = (f"{search.recall:.3f}", f"{search.passages:,.0f}", f"{search.bytes / 1e3:,.0f}")
        blocks.add_row(f"{search.nprobe:,}{mark}", share, *cells)
    console.print(blocks)
    table = Table("whole cells opened", "recall of the gold passage", "tokens opened")
    for point in report.points:
        table.add_row(str(point.nprobe), f"{point.recall:.3f}", f"{point.tokens:,.0f}")
    console.print(table)
    near = Table("margin", "questions", "recall, nearest cell", "recall, two cells")
    for group in report.margins:
        span = f"{group.low:.3f} to {group.high:.3f}"
        near.add_row(span, str(group.questions), f"{group.recall:.3f}", f"{group.recall_two:.3f}")
    console.print(near)
    console.print(f"{plural(report.questions, 'question')} ({report.split}), {plural(report.cells, 'cell')}.")
