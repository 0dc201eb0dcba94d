"""``cache``: prefill every passage once and keep its keys and values on disk."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.common import JsonOption, WorkspaceOption, console, drive, emit, open_resources, reporting


def cache(
    force: Annotated[bool, typer.Option("--force", help="Compute what still holds anew, too.")] = False,
    precision: Annotated[
        str | None, typer.Option(help="Keep them in float32, bfloat16, float16, fp8, int8 or int4; auto: as computed.")
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="For the model without the reader adapter.")] = False,
    whole_cells: Annotated[
        bool, typer.Option("--whole-cells", help="An exact cache of every cell, for cag_cell, instead of blocks.")
    ] = False,
    workspace: WorkspaceOption = "sample",
    as_json: JsonOption = False,
) -> None:
    """Build the block of every passage, which CAG joins. Interrupted, it goes on where it stopped.

    With TESSERA_ENGINE_URL it has the server read every cell instead, so that CAG finds its prefix there.

    Blocks of other models and precisions stay beside these. TESSERA_CACHE_URL=s3://bucket/prefix keeps them there;
    queries read those of TESSERA_CACHE_PRECISION.

    Example: python -m app cache --precision int8
    """
    from core import pipeline
    from core.kvcache.identity import chosen_precision
    from core.kvcache.variants import BLOCKS, WHOLE_CELLS

    with reporting(as_json):
        resources = open_resources(workspace, plain, cache_precision=precision)
        ws, models, settings = resources.workspace, resources.models, resources.settings
        if settings.engine_url:
            found = drive(pipeline.warm(ws, settings))
            reused = "not reported" if found["reused"] is None else f"{found['reused']:,}"
            if as_json:
                emit({"workspace": ws.name, "kind": "prefixes", **found})
            else:
                console.print(
                    f"{found['server']} has read {found['cells']:,} cells: {found['tokens']:,} tokens, and reused of "
                    f"earlier prompts: {reused}."
                )
            return
        build = pipeline.cache if whole_cells else pipeline.blocks
        drive(build(ws, models, settings, force))
        lm = resources.language_model()
        kept_in = chosen_precision(settings.cache_precision, lm.dtype)
        kind = WHOLE_CELLS if whole_cells else BLOCKS
        built = ws.state(kind, {"model": lm.identity.fingerprint, "precision": kept_in})
        figures = built.manifest.params if built.manifest else {}
        if as_json:
            emit({"workspace": ws.name, "kind": kind, **figures})
            return
        what = "caches of whole cells" if whole_cells else "blocks"
        megabytes = figures["bytes"] / 1e6
        console.print(
            f"{figures['cells']:,} {what}, {figures['tokens']:,} tokens, {megabytes:,.0f} MB of keys and values in "
            f"{kept_in}."
        )
