"""``sample``: build the sample workspace, unless it is there."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.common import JsonOption, console, drive, emit, reporting, settings_and_workspace, warn
from core.artefacts import ARTEFACTS


def sample(
    korean: Annotated[
        bool, typer.Option("--korean", help="The Korean sample, into the workspace sample-ko; no memory ships for it.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Build the sample workspace: corpus, cells, blocks, and the memory that ships with Tessera.

    Example: TESSERA_ENCODER=multilingual-e5-small python -m app sample --korean
    """
    from core.corpus.store import load_passages
    from core.methods.unread import corpus_warnings
    from core.models.registry import Models

    with reporting(as_json):
        name = "sample-ko" if korean else "sample"
        settings, ws = settings_and_workspace(name, new=True)
        kinds = [kind for kind, spec in ARTEFACTS.items() if spec.unasked and not (korean and kind == "memory")]
        missing = [kind for kind in kinds if ws.state(kind).status != "ready"]
        if missing:
            from core import pipeline

            drive(pipeline.build_sample(ws, Models(settings), settings, name))
        unread = corpus_warnings(load_passages(ws), Models(settings), settings) if korean else ()
        if as_json:
            emit({"workspace": ws.name, "built": missing, "warnings": list(unread)})
        else:
            warn(unread)
            console.print(f"The workspace {ws.name} is ready in {ws.path}.", soft_wrap=True)
