"""``calibrate``: set when the memory says that no document knows."""

from __future__ import annotations

from app.cli.common import JsonOption, WorkspaceOption, console, drive, emit, reporting, settings_and_workspace


def calibrate(workspace: WorkspaceOption = "sample", as_json: JsonOption = False) -> None:
    """Set the threshold of the router's null slot on the corpus' dev questions. A trained memory has had this already.

    Example: python -m app calibrate --workspace sample
    """
    from core import pipeline
    from core.models.bundle import Models

    with reporting(as_json):
        settings, ws = settings_and_workspace(workspace)
        figures = drive(pipeline.calibrate(ws, Models(settings)))
        if as_json:
            emit({"workspace": ws.name, **figures})
            return
        for when in ("before", "after"):
            found = figures[when]
            console.print(
                f"{when:<7}threshold {found['threshold']:.3f}: {found['false_nulls']:.1%} of {found['questions']} dev "
                f"questions turned away wrongly, {found['caught']:.1%} caught when their document is left out.",
                highlight=False,
                soft_wrap=True,
            )
