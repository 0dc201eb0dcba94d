"""``train``: learn a memory of the corpus."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from app.cli.common import JsonOption, WorkspaceOption, console, drive, emit, reporting, settings_and_workspace


def train(
    steps: Annotated[int | None, typer.Option(min=1, help="Optimiser steps of the evidence stage.")] = None,
    m: Annotated[int | None, typer.Option(min=1, help="Vectors per document.")] = None,
    z_dim: Annotated[int | None, typer.Option("--z-dim", min=1, help="Numbers per vector.")] = None,
    lora_r: Annotated[int | None, typer.Option("--lora-r", min=1, help="Rank of the LoRA.")] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Begin anew instead of resuming.")] = False,
    workspace: WorkspaceOption = "sample",
    as_json: JsonOption = False,
) -> None:
    """Train the memory: Z, projector, LoRA and router. Interrupted, it goes on from its checkpoint.

    Example: python -m app train --steps 1200 --workspace sample
    """
    from core import pipeline
    from core.memory.config import MemoryConfig
    from core.models.bundle import Models

    with reporting(as_json):
        settings, ws = settings_and_workspace(workspace)
        usual = MemoryConfig(seed=settings.seed)
        config = replace(
            usual,
            steps=steps or usual.steps,
            m=m or usual.m,
            z_dim=z_dim or usual.z_dim,
            lora_r=lora_r or usual.lora_r,
        )
        drive(pipeline.train(ws, Models(settings), config, resume=not restart))
        manifest = ws.manifest("memory")
        figures = manifest.params if manifest else {}
        if as_json:
            emit({"workspace": ws.name, **figures})
        else:
            console.print(f"The memory is trained and in {ws.folder('memory')}.", soft_wrap=True)
