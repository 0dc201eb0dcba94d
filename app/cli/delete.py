"""``delete``: a workspace goes, with all that it keeps elsewhere."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.common import EXIT_FAILED, JsonOption, aside, console, emit, reporting, settings_and_workspace


def delete(
    workspace: Annotated[str, typer.Option("--workspace", "-w", help="Name under workspaces/, or a path.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete a workspace, with its indexes, answers and feedback in Redis and its cells in object storage.

    Lists what goes and asks first; with --json and without --yes it only lists. Cells that another workspace needs
    stay, and so does what belongs to the workspace that this one is a copy of.

    Example: python -m app delete --workspace mine
    """
    from core.removal import belongings, delete_workspace
    from core.workspace import existing_workspace

    with reporting(as_json):
        settings, _ = settings_and_workspace(workspace)
        ws = existing_workspace(workspace, settings.workspaces)
        found = belongings(ws)
        if as_json:
            if yes:
                delete_workspace(ws)
            listed = [{"what": one.what, "where": one.where, "stays": one.stays} for one in found]
            emit({"workspace": ws.name, "deleted": yes, "belongings": listed})
            return
        for one in found:
            note = " (stays: it belongs to the workspace that this one is a copy of)" if one.stays else ""
            aside.print(f"  {one.what}: {one.where}{note}", markup=False, highlight=False, soft_wrap=True)
        if not yes and not typer.confirm(f"Delete the workspace {ws.name} with all of this?", err=True):
            aside.print("Nothing was deleted.")
            raise typer.Exit(EXIT_FAILED)
        delete_workspace(ws)
        console.print(f"The workspace {ws.name} is deleted.", highlight=False)
