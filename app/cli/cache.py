"""``cache``: prefill every cell once and keep its keys and values on disk."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.common import JsonOption, WorkspaceOption, console, drive, emit, reporting, settings_and_workspace


def cache(
    force: Annotated[bool, typer.Option("--force", help="Rebuild cells whose cache is still good, too.")] = False,
    workspace: WorkspaceOption = "sample",
    as_json: JsonOption = False,
) -> None:
    """Build the KV cache of every cell. Interrupted, it goes on where it stopped.

    Example: python -m app cache --force
    """
    from core import pipeline
    from core.kvcache.store import CacheStore
    from core.models.bundle import Models

    with reporting(as_json):
        settings, ws = settings_and_workspace(workspace)
        drive(pipeline.cache(ws, Models(settings), force=force))
        states = CacheStore(ws.folder("caches")).states()
        figures = {
            "cells": len(states),
            "tokens": sum(state.tokens for state in states),
            "bytes": sum(state.bytes for state in states),
        }
        if as_json:
            emit({"workspace": ws.name, **figures})
        else:
            megabytes = figures["bytes"] / 1e6
            console.print(f"{figures['cells']} cells, {figures['tokens']:,} tokens, {megabytes:,.0f} MB of KV cache.")
