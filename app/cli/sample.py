"""``sample``: build the sample workspace, unless it is there."""

from __future__ import annotations

from app.cli.common import JsonOption, console, drive, emit, reporting, settings_and_workspace
from core.artefacts import ARTEFACTS


def sample(as_json: JsonOption = False) -> None:
    """Build the sample workspace: corpus, cells, blocks, and the memory that ships with Tessera."""
    with reporting(as_json):
        settings, ws = settings_and_workspace("sample")
        missing = [kind for kind, spec in ARTEFACTS.items() if spec.unasked and ws.state(kind).status != "ready"]
        if missing:
            from core import pipeline
            from core.models.registry import Models

            drive(pipeline.build_sample(ws, Models(settings), settings))
        if as_json:
            emit({"workspace": ws.name, "built": missing})
        else:
            console.print(f"The sample workspace is ready in {ws.path}.", soft_wrap=True)
