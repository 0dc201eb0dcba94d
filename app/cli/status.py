"""``status``: what a workspace holds, and what is missing or stale."""

from __future__ import annotations

from rich.table import Table

from app.cli.common import JsonOption, WorkspaceOption, console, emit, reporting, settings_and_workspace
from core.settings import DEFAULT_STORE
from core.stores.registry import STORES
from core.workspace import KINDS, index_kind, remedy_for


def status(workspace: WorkspaceOption = "sample", as_json: JsonOption = False) -> None:
    """Show what is built in a workspace, how large it is, and what to do about what is not."""
    with reporting(as_json):
        _, ws = settings_and_workspace(workspace)
        others = [index_kind(name) for name in STORES if name != DEFAULT_STORE]
        states = [ws.state(kind) for kind in (*KINDS, *(kind for kind in others if ws.folder(kind).is_dir()))]
        if as_json:
            artefacts = [
                {
                    "kind": state.kind,
                    "status": state.status,
                    "reason": state.reason,
                    "bytes": state.bytes,
                    "params": state.manifest.params if state.manifest else {},
                }
                for state in states
            ]
            emit({"workspace": ws.name, "path": str(ws.path), "artefacts": artefacts})
            return
        table = Table("artefact", "status", "size", "what to do")
        for state in states:
            todo = "" if state.status == "ready" else f"{state.reason}. {remedy_for(state.kind)}".lstrip(". ")
            table.add_row(state.kind, state.status, f"{state.bytes / 1e6:,.1f} MB", todo)
        console.print(table)
