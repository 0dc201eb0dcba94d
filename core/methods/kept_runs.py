"""Comparisons on disk: ``comparisons/ID.json`` in the workspace holds one run with its answers, clocks and repeats."""

from __future__ import annotations

from functools import cache

from pydantic import TypeAdapter, ValidationError

from core.manifest import write_atomically
from core.methods.comparison import Run
from core.workspace import Workspace

KEPT = 20
"""Runs that stay; of more, the oldest that is not pinned makes room."""
_FOLDER = "comparisons"


def keep_run(ws: Workspace, run: Run) -> None:
    """Writes a run, in place of what was kept of it before."""
    folder = ws.path / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / f"{run.id}.json", _adapter().dump_json(run))
    runs = kept_runs(ws)
    for old in [old for old in runs if not old.pinned][KEPT:]:
        (folder / f"{old.id}.json").unlink(missing_ok=True)


def kept_runs(ws: Workspace) -> list[Run]:
    """All runs that are kept, latest first; a file that another version wrote is passed over."""
    found = []
    for path in (ws.path / _FOLDER).glob("*.json"):
        try:
            found.append(_adapter().validate_json(path.read_bytes()))
        except (OSError, ValidationError):  # gone meanwhile, or of another version: a list need not fail for it
            continue
    return sorted(found, key=lambda run: run.asked, reverse=True)


def kept_run(ws: Workspace, run_id: str) -> Run | None:
    """The run of an id; None when none is kept, or when it is no id."""
    return next((run for run in kept_runs(ws) if run.id == run_id), None) if run_id else None


@cache
def _adapter() -> TypeAdapter[Run]:
    return TypeAdapter(Run)
