"""What is built: ``index``, ``cluster``, ``cache``, the ``sample`` workspace, and ``models`` fetched for it."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.common import (
    PlainOption,
    RayOption,
    WorkspaceOption,
    console,
    deliver,
    drive,
    emit,
    open_resources,
    say,
    settings_and_workspace,
    wants_json,
    warn,
    workers_for,
)
from core.artefacts import ARTEFACTS, DEFAULT_STORE
from core.settings import Settings
from core.stores.registry import STORES


def index(
    store: Annotated[str, typer.Option(help=f"One of: {', '.join(STORES)}.")] = DEFAULT_STORE,
    force: Annotated[bool, typer.Option("--force", help="Build it anew although it still holds.")] = False,
    workspace: WorkspaceOption = "sample",
) -> None:
    """Index the passages of a prepared workspace in a store, beside the indexes that are there.

    Example: python -m app index --store lancedb-ivf-hnsw-sq
    """
    from core.artefacts import index_kind
    from core.stores.index import build_index

    _, ws = settings_and_workspace(workspace)
    drive(build_index(ws, store, force))
    manifest = ws.manifest(index_kind(store))
    figures = {**manifest.params, "build_s": manifest.build_s} if manifest else {}
    deliver(
        {"workspace": ws.name, **figures},
        lambda: console.print(
            f"{figures.get('backend', store)}: {figures.get('bytes', 0) / 1e6:,.1f} MB in {ws.path}."
        ),
    )


def cluster(
    auto_k: Annotated[bool, typer.Option("--auto-k/--no-auto-k", help="Let the silhouette choose k.")] = True,
    k: Annotated[int | None, typer.Option(min=1, help="Exactly this many cells; needs --no-auto-k.")] = None,
    cell_tokens: Annotated[
        int | None,
        typer.Option(
            min=64,
            help="Most passage tokens in a cell, for whole-cell caches: larger ones are split. Blocks need no bound.",
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of k-means and of the projection.")] = None,
    workspace: WorkspaceOption = "sample",
) -> None:
    """Cut the passages into Voronoi cells by spherical k-means, and project them to the plane.

    Example: python -m app cluster --no-auto-k --k 20
    """
    from core import pipeline
    from core.errors import TesseraError
    from core.models.registry import Models
    from core.voronoi.partition import PartitionConfig, explain_cell_count

    if auto_k and k is not None:
        raise TesseraError("--k was given, but k is chosen automatically.", "Add --no-auto-k.")
    if not auto_k and k is None:
        raise TesseraError("--no-auto-k needs a number of cells.", "Add --k 20, say.")
    settings, ws = settings_and_workspace(workspace)
    config = PartitionConfig(
        auto_k=auto_k,
        k=k,
        cell_tokens=cell_tokens or (settings.cell_tokens if auto_k else 0) or None,
        seed=settings.seed if seed is None else seed,
    )
    drive(pipeline.cluster(ws, Models(settings), settings, config))
    figures = ws.params("partition")
    if wants_json():
        emit({"workspace": ws.name, **figures})
    else:
        console.print(f"{figures['cells']} cells, silhouette {figures['silhouette']:.3f}.")
        if k is not None and figures["cells"] != k:
            console.print(explain_cell_count(figures["cells"], k, figures["cell_tokens"] or 0))


def cache(
    force: Annotated[bool, typer.Option("--force", help="Compute what still holds anew, too.")] = False,
    precision: Annotated[
        str | None, typer.Option(help="Keep them in float32, bfloat16, float16, fp8, int8 or int4; auto: as computed.")
    ] = None,
    plain: PlainOption = False,
    whole_cells: Annotated[
        bool, typer.Option("--whole-cells", help="An exact cache of every cell, for cag_cell, instead of blocks.")
    ] = False,
    ray: RayOption = None,
    workspace: WorkspaceOption = "sample",
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

    resources = open_resources(workspace, plain, cache_precision=precision)
    ws, models, settings = resources.workspace, resources.models, resources.settings
    if settings.engine_url:
        warmed = drive(pipeline.warm(ws, settings))
        reused = "not reported" if warmed["reused"] is None else f"{warmed['reused']:,}"
        deliver(
            {"workspace": ws.name, "kind": "prefixes", **warmed},
            lambda: console.print(
                f"{warmed['server']} has read {warmed['cells']:,} cells: {warmed['tokens']:,} tokens, and reused of "
                f"earlier prompts: {reused}."
            ),
        )
        return
    build = pipeline.cache if whole_cells else pipeline.blocks
    with workers_for(ray, settings) as workers:
        drive(build(ws, models, settings, force, workers))
    lm = resources.language_model()
    stored_in = chosen_precision(settings.cache_precision, lm.dtype)
    kind = WHOLE_CELLS if whole_cells else BLOCKS
    figures = ws.state(kind, {"model": lm.identity.fingerprint, "precision": stored_in}).params
    if wants_json():
        emit({"workspace": ws.name, "kind": kind, **figures})
        return
    what = "caches of whole cells" if whole_cells else "blocks"
    megabytes = figures["bytes"] / 1e6
    console.print(
        f"{figures['cells']:,} {what}, {figures['tokens']:,} tokens, {megabytes:,.0f} MB of keys and values in "
        f"{stored_in}."
    )


def sample(
    korean: Annotated[
        bool, typer.Option("--korean", help="The Korean sample, into the workspace sample-ko; no memory ships for it.")
    ] = False,
) -> None:
    """Build the sample workspace: corpus, cells, blocks, and the memory that ships with Tessera.

    Example: TESSERA_ENCODER=multilingual-e5-small python -m app sample --korean
    """
    from core.corpus.store import load_passages
    from core.methods.script_warnings import corpus_warnings
    from core.models.registry import Models

    name = "sample-ko" if korean else "sample"
    settings, ws = settings_and_workspace(name, new=True)
    kinds = [kind for kind, spec in ARTEFACTS.items() if not spec.optional and not (korean and kind == "memory")]
    missing = [kind for kind in kinds if ws.state(kind).status != "ready"]
    if missing:
        from core import pipeline

        drive(pipeline.build_sample(ws, Models(settings), settings, name))
    unread = corpus_warnings(load_passages(ws), Models(settings), settings) if korean else ()
    if wants_json():
        emit({"workspace": ws.name, "built": missing, "warnings": list(unread)})
    else:
        warn(unread)
        say(f"The workspace {ws.name} is ready in {ws.path}.")


def models() -> None:
    """Fetch the configured language model and encoder, unless they are here already."""
    from core.models.download import locate

    settings = Settings.from_environment()
    names = {"model": settings.model} | ({} if settings.embed_url else {"encoder": settings.encoder})
    folders = {role: str(locate(name, settings.home)) for role, name in names.items()}
    if wants_json():
        emit({role: {"name": names[role], "folder": folder} for role, folder in folders.items()})
    else:
        for role, folder in folders.items():
            say(f"{role}: {names[role]} in {folder}")
