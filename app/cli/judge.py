"""``judge``: a judge model scores the kept answers of a run."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from app.cli.common import (
    JsonOption,
    WorkspaceOption,
    command_line,
    console,
    drive,
    emit,
    reporting,
    settings_and_workspace,
)

_JUDGED = ("ragas_faithfulness", "ragas_relevancy")


def judge(
    run: Annotated[str, typer.Option(help="Name of the run (eval-...); the latest when empty.")] = "",
    methods: Annotated[str, typer.Option(help="Comma-separated methods; all of the run when empty.")] = "",
    workspace: WorkspaceOption = "sample",
    as_json: JsonOption = False,
) -> None:
    """Score the answers of an evaluation with Ragas, through TESSERA_JUDGE_URL and TESSERA_JUDGE_MODEL.

    Questions, answers and evidence go to that endpoint. Needs `make ragas` once; goes on where it stopped.

    Example: python -m app judge --methods rag,cag,memory
    """
    from core.errors import TesseraError
    from core.evaluation.runs import list_runs
    from core.evaluation.summary import summarise
    from core.labs.judge.config import Judge, ragas_python
    from core.labs.judge.judging import judge_run

    with reporting(as_json):
        settings, ws = settings_and_workspace(workspace)
        found = {folder.name: folder for folder in list_runs(ws)}
        folder = found.get(run) if run else next(iter(found.values()), None)
        if folder is None:
            remedy = f"Run `{command_line('eval', workspace)}` first."
            raise TesseraError(f"There is no run {run or 'to judge'} in {ws.name}.", remedy)
        judge_model = Judge.from_settings(settings)
        chosen = [name.strip() for name in methods.split(",") if name.strip()] or None
        drive(judge_run(folder, judge_model, ragas_python(), chosen))
        scores = summarise(folder, chosen)["methods"]
        judged = {method: {name: found[name] for name in _JUDGED if name in found} for method, found in scores.items()}
        if as_json:
            emit({"workspace": ws.name, "run": folder.name, "judge": judge_model.name, "methods": judged})
            return
        table = Table("method", "n", "faithfulness", "answer relevancy", title=f"Judged by {judge_model.name}")
        for method, metrics in judged.items():
            cells = [f"{m['mean']:.2f} ({m['lo']:.2f}-{m['hi']:.2f})" if (m := metrics.get(x)) else "" for x in _JUDGED]
            table.add_row(method, str(max((metric["n"] for metric in metrics.values()), default=0)), *cells)
        console.print(table)
