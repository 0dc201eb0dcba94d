"""``status``: what a workspace holds, and what is missing or stale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table

from app.cli.common import JsonOption, WorkspaceOption, console, emit, reporting, settings_and_workspace
from core.settings import DEFAULT_STORE
from core.stores.registry import STORES
from core.workspace import KINDS, index_kind, remedy_for

if TYPE_CHECKING:
    from core.kvcache.variants import Variant


def status(workspace: WorkspaceOption = "sample", as_json: JsonOption = False) -> None:
    """Show what is built in a workspace, how large it is, and what to do about what is not."""
    from core.kvcache.variants import list_variants

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
            kept = [_facts(variant) for variant in list_variants(ws)]
            emit({"workspace": ws.name, "path": str(ws.path), "artefacts": artefacts, "caches": kept})
            return
        table = Table("artefact", "status", "size", "what to do")
        for state in states:
            todo = "" if state.status == "ready" else f"{state.reason}. {remedy_for(state.kind)}".lstrip(". ")
            table.add_row(state.kind, state.status, f"{state.bytes / 1e6:,.1f} MB", todo)
        console.print(table)
        _show_caches(list_variants(ws))


def _facts(variant: Variant) -> dict[str, Any]:
    location = variant.location or str(variant.folder)
    return {"name": variant.name, "bytes": variant.bytes, "location": location, "reason": variant.reason}


def _show_caches(variants: Sequence[Variant]) -> None:
    """The caches of every model and precision, where there are several, or where they are somewhere else."""
    if len(variants) < 2 and not any(variant.location for variant in variants):
        return
    table = Table("caches", "size", "kept at", "state")
    for variant in variants:
        where = variant.location or "in the workspace"
        table.add_row(variant.name, f"{variant.bytes / 1e6:,.1f} MB", where, variant.reason or "ready")
    console.print(table)
