"""Comparisons on disk: ``comparisons/ID.json`` in the workspace holds one run with its answers, clocks and repeats."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from pydantic import TypeAdapter, ValidationError

from core.manifest import write_atomically
from core.methods.comparison import Run
from core.workspace import Workspace

MOST_SAVED = 20
"""Saved runs; of more, the oldest that is not pinned makes room."""
_FOLDER = "comparisons"


def save_run(ws: Workspace, run: Run) -> None:
    """Writes a run, in place of what was saved of it before."""
    folder = ws.path / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / f"{run.id}.json", _adapter().dump_json(run, by_alias=True))
    runs = saved_runs(ws)
    for old in [old for old in runs if not old.pinned][MOST_SAVED:]:
        (folder / f"{old.id}.json").unlink(missing_ok=True)


def saved_runs(ws: Workspace) -> list[Run]:
    """All saved runs, latest first; a file that another version wrote is passed over."""
    runs = []
    for path in (ws.path / _FOLDER).glob("*.json"):
        try:
            runs.append(_as_today(_adapter().validate_json(path.read_bytes())))
        except (OSError, ValidationError):  # gone meanwhile, or of another version: a list need not fail for it
            continue
    return sorted(runs, key=lambda run: run.asked, reverse=True)


def saved_run(ws: Workspace, run_id: str) -> Run | None:
    """The run of an id; None when none is saved, or when it is no id."""
    return next((run for run in saved_runs(ws) if run.id == run_id), None) if run_id else None


def _as_today(run: Run) -> Run:
    """A run of before z were read in turn, or in part: what was read then was one reading, and the whole z."""
    for name, answer in run.answers.items():
        details = answer.details
        if "read" in details and "asked" not in details:
            details = {**details, "asked": [details["read"]], "soft_tokens": [details["soft_tokens"]]}
        if "asked" in details and "whole" not in details:
            details = {**details, "whole": [True for _ in details["asked"]], "spelled": ["" for _ in details["asked"]]}
        run.answers[name] = replace(answer, details=details)
    return run


@cache
def _adapter() -> TypeAdapter[Run]:
    return TypeAdapter(Run)
