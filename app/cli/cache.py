"""``cache``: prefill every cell once and keep its keys and values on disk."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.common import JsonOption, WorkspaceOption, console, drive, emit, reporting, settings_and_workspace


def cache(
    force: Annotated[bool, typer.Option("--force", help="Rebuild cells whose cache is still good, too.")] = False,
    precision: Annotated[
        str | None, typer.Option(help="Keep them in float32, bfloat16, float16, fp8, int8 or int4; auto: as computed.")
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="For the model without the reader adapter.")] = False,
    blocks: Annotated[
        bool, typer.Option("--blocks", help="Blocks of single passages for composed CAG instead of whole cells.")
    ] = False,
    workspace: WorkspaceOption = "sample",
    as_json: JsonOption = False,
) -> None:
    """Build the KV cache of every cell. Interrupted, it goes on where it stopped.

    Caches of other models and precisions stay beside these. TESSERA_CACHE_URL=s3://bucket/prefix keeps them there;
    queries read those of TESSERA_CACHE_PRECISION.

    Example: python -m app cache --precision int8
    """
    from core import pipeline
    from core.kvcache.precision import chosen_precision
    from core.models.bundle import Models

    with reporting(as_json):
        settings, ws = settings_and_workspace(workspace)
        models = Models(settings)
        reader = False if plain else None
        if blocks:
            drive(pipeline.blocks(ws, models, force=force, reader=reader))
            built = ws.state("blocks", {"model": models.language_model(reader).identity.fingerprint})
            figures = built.manifest.params if built.manifest else {}
            if as_json:
                emit({"workspace": ws.name, **figures})
            else:
                megabytes = figures["bytes"] / 1e6
                console.print(f"{figures['passages']} blocks, {figures['tokens']:,} tokens, {megabytes:,.0f} MB.")
            return
        drive(pipeline.cache(ws, models, force=force, reader=reader, precision=precision))
        lm = models.language_model(reader)
        kept_in = chosen_precision(precision or settings.cache_precision, lm.dtype)
        built = ws.state("caches", {"model": lm.identity.fingerprint, "precision": kept_in})
        figures = built.manifest.params if built.manifest else {}
        if as_json:
            emit({"workspace": ws.name, **figures})
            return
        megabytes = figures["bytes"] / 1e6
        console.print(
            f"{figures['cells']} cells, {figures['tokens']:,} tokens, {megabytes:,.0f} MB of KV cache in {kept_in}."
        )
