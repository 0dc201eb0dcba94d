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
    """A run of before what was read of every z stood in one list: of the first ones, all of a single z."""
    for name, answer in run.answers.items():
        details = answer.details
        if "read" in details and "readings" not in details:
            ids = details.get("asked", [details["read"]])
            vectors = details["soft_tokens"] if "asked" in details else [details["soft_tokens"]]
            whole, texts = details.get("whole", [True] * len(ids)), details.get("spelled", [""] * len(ids))
            readings = [
                {"passage_ids": each, "vectors": count, "whole": complete, "text": text}
                for each, count, complete, text in zip(ids, vectors, whole, texts, strict=True)
            ]
            details = {**details, "readings": readings}
        run.answers[name] = replace(answer, details=details)
    return run


@cache
def _adapter() -> TypeAdapter[Run]:
    return TypeAdapter(Run)
