"""``status``: what a workspace holds, and what is missing or stale."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from app.cli.common import WorkspaceOption, command_for, console, emit, say, settings_and_workspace, wants_json
from core import jsonl
from core.artefacts import ARTEFACTS, DEFAULT_STORE, artefact, index_kind
from core.stores.registry import STORES

if TYPE_CHECKING:
    from core.kvcache.variants import Variant
    from core.settings import Settings
    from core.workspace import ArtefactState, Workspace


def status(workspace: WorkspaceOption = "sample") -> None:
    """Show what is built in a workspace, how large it is, and what to do about what is not."""
    from core.kvcache.variants import BLOCKS, WHOLE_CELLS, list_variants
    from core.models.embeddings import truncation_warning

    settings, ws = settings_and_workspace(workspace)
    others = [index_kind(name) for name in STORES if name != DEFAULT_STORE]
    variants = [variant for kind in (BLOCKS, WHOLE_CELLS) for variant in list_variants(ws, kind)]
    states = [ws.state(kind) for kind in (*ARTEFACTS, *(kind for kind in others if ws.folder(kind).is_dir()))]
    damaged, encoder = _damaged_lines(ws.path), _encoder(settings, ws)
    if wants_json():
        artefacts = [
            {
                "kind": state.kind,
                "status": state.status,
                "reason": state.reason,
                "bytes": state.bytes,
                "params": state.params,
            }
            for state in states
        ]
        variant_facts = [_facts(variant) for variant in variants]
        emit(
            {
                "workspace": ws.name,
                "path": str(ws.path),
                "artefacts": artefacts,
                "caches": variant_facts,
                "damaged_lines": damaged,
                "warning": truncation_warning(ws),
                "encoder": encoder,
            }
        )
        return
    table = Table("artefact", "status", "size", "what to do")
    for state in states:
        if state.kind == "prefixes" and not settings.engine_url:  # no server would keep them
            continue
        table.add_row(state.kind, state.status, f"{state.bytes / 1e6:,.1f} MB", _todo(state, workspace))
    console.print(table)
    if settings.embed_url:
        fits = "" if encoder["fits"] else " The embeddings are another encoder's: run `prepare` again."
        say(f"Encoder: {encoder['name']}, on a server.{fits}")
    if warning := truncation_warning(ws):
        say(warning)
    for log, count in damaged.items():
        say(f"{log}: {count:,} damaged lines are left out.")
    _show_caches(variants)


def _encoder(settings: Settings, ws: Workspace) -> dict[str, Any]:
    """Which encoder embeds, and whether the embeddings are its own; known without asking a server."""
    from core.models.server import Server, encoder_name

    embeddings = ws.manifest("embeddings")
    by = embeddings.params.get("encoder") if embeddings else None
    facts: dict[str, Any] = {"name": encoder_name(settings), "embedded_by": by}
    if settings.embed_url:
        facts["fits"] = embeddings is None or embeddings.inputs.get("encoder") == Server.embedding(settings).fingerprint
    return facts


def _damaged_lines(folder: Path) -> dict[str, int]:
    """How many lines of each log of a workspace can no longer be read, where there are any."""
    logs = sorted([*folder.glob("*.jsonl"), *folder.glob("runs/*/*.jsonl")])
    counts = {str(log.relative_to(folder)): jsonl.damaged(log) for log in logs}
    return {log: count for log, count in counts.items() if count}


def _todo(state: ArtefactState, workspace: str) -> str:
    if state.status == "ready":
        return ""
    command = f"`{command_for(state.kind, workspace)}`"
    if state.status == "missing" and artefact(state.kind).optional:
        return f"Only where it is wanted: {command}."
    return f"{state.reason}. Run {command}.".lstrip(". ")


def _facts(variant: Variant) -> dict[str, Any]:
    location = variant.location or str(variant.folder)
    return {
        "kind": variant.kind,
        "name": variant.name,
        "bytes": variant.bytes,
        "location": location,
        "reason": variant.reason,
    }


def _show_caches(variants: Sequence[Variant]) -> None:
    """The blocks and caches of every model and precision, where there are several, or where they are somewhere else."""
    if len(variants) < 2 and not any(variant.location for variant in variants):
        return
    table = Table("kind", "for", "size", "kept at", "state")
    for variant in variants:
        where = variant.location or "in the workspace"
        table.add_row(variant.kind, variant.name, f"{variant.bytes / 1e6:,.1f} MB", where, variant.reason or "ready")
    console.print(table)
