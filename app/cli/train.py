"""``train``: learn a memory of the corpus."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import typer

from app.cli.common import JsonOption, WorkspaceOption, console, drive, emit, reporting, settings_and_workspace


def train(
    preset: Annotated[
        str, typer.Option(help="first-look, laptop, shipped, at-once, real-text, gpu-thousands, or a YAML file.")
    ] = "laptop",
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="Start LoRA, projector and router from a memory: sample (the shipped one), a folder or a workspace; "
            "'' starts from nothing.",
        ),
    ] = None,
    general: Annotated[
        str, typer.Option(help="A corpus with train questions to learn reading on, for presets with a general share.")
    ] = "",
    steps: Annotated[
        int | None,
        typer.Option(min=0, help="Optimiser steps of the evidence stage; 0, with --from, learns to route alone."),
    ] = None,
    router_steps: Annotated[
        int | None, typer.Option("--router-steps", min=0, help="Optimiser steps of the router.")
    ] = None,
    m: Annotated[int | None, typer.Option(min=1, help="Vectors per document.")] = None,
    z_dim: Annotated[int | None, typer.Option("--z-dim", min=1, help="Numbers per vector.")] = None,
    lora_r: Annotated[int | None, typer.Option("--lora-r", min=1, help="Rank of the LoRA.")] = None,
    dtype: Annotated[str, typer.Option(help="Number format of the base model; nf4 trains on 4-bit weights.")] = "",
    restart: Annotated[bool, typer.Option("--restart", help="Begin anew instead of resuming.")] = False,
    workspace: WorkspaceOption = "sample",
    as_json: JsonOption = False,
) -> None:
    """Train the memory: Z, projector, LoRA and router. Interrupted, it goes on from its checkpoint.

    Example: python -m app train --preset laptop --workspace sample
    """
    from core import pipeline
    from core.corpus.load import load_corpus
    from core.memory.presets import load_preset
    from core.models.bundle import Models

    with reporting(as_json):
        settings, ws = settings_and_workspace(workspace)
        chosen = load_preset(preset)
        settings = replace(
            settings, model=chosen.model or settings.model, dtype=dtype or chosen.dtype or settings.dtype
        )
        given: dict[str, Any] = {"steps": steps, "m": m, "z_dim": z_dim, "lora_r": lora_r, "seed": settings.seed}
        given["router_steps"] = router_steps
        config = replace(chosen.config, **{name: value for name, value in given.items() if value is not None})
        models = Models(settings)
        pool = load_corpus(general, count=models.prompt().count) if general else None
        begin = chosen.start if start is None else start
        drive(pipeline.train(ws, models, config, not restart, begin, pool))
        manifest = ws.manifest("memory")
        figures = manifest.params if manifest else {}
        if as_json:
            emit({"workspace": ws.name, **figures})
        else:
            console.print(f"The memory is trained and in {ws.folder('memory')}.", soft_wrap=True)
