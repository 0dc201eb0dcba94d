"""``gradio``: the comparison as page, API and MCP tools; ``engine`` and ``export-model``: servers for the models."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr

from app.cli.common import (
    PlainOption,
    WorkspaceOption,
    deliver,
    emit,
    say,
    settings_and_workspace,
    until_interrupted,
    wants_json,
)
from core.settings import Settings


def gradio(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where to listen.")] = 7860,
    mcp: Annotated[bool, typer.Option("--mcp", help="Serve the functions as MCP tools, too.")] = False,
    waiting: Annotated[int, typer.Option(min=1, help="Most questions in the queue; more are refused.")] = 20,
    workspace: WorkspaceOption = "sample",
) -> None:
    """Serve the comparison with Gradio: a page, a typed API and, with --mcp, tools for language models.

    One question computes at a time, the others wait in a queue. It listens on 127.0.0.1 alone. Ctrl-C stops it.

    Example: python -m app gradio --mcp --port 7860
    """
    from app.gradio.serve import GradioFront
    from core.models.registry import Models

    settings, ws = settings_and_workspace(workspace)
    front = GradioFront(ws, Models(settings), settings, port=port, mcp=mcp, waiting=waiting)
    tools = [f"MCP   {front.address}gradio_api/mcp/"] if mcp else []
    until_interrupted(f"Page  {front.address}", f"API   {front.address}?view=api", *tools)
    front.close()


def engine(
    url: Annotated[str, typer.Option(help="Address of a server to test; without it, that of TESSERA_ENGINE_URL.")] = "",
    model: Annotated[str, typer.Option(help="Its model; a server that has a single one needs no name.")] = "",
    embeddings: Annotated[
        bool, typer.Option("--embeddings", help="Test the server of the encoder instead, named by TESSERA_EMBED_*.")
    ] = False,
) -> None:
    """Test the connection to the server on which the language model runs: model, context, prefix caching, round trip.

    TESSERA_ENGINE_URL, TESSERA_ENGINE_MODEL and TESSERA_ENGINE_KEY name it. The key goes to no other address. With
    --embeddings, the same for the encoder: dimension, longest text, round trip.

    Example: python -m app engine --url http://127.0.0.1:8080/v1
    """
    from core.models.probe import named, probe
    from core.models.registry import Models

    settings = Settings.from_environment()
    if embeddings:
        _embeddings(settings, url, model)
        return
    if not (url or settings.engine_url):
        models = Models(settings)
        here = {"engine": "in process", "model": settings.model, "context": models.max_context()}
        here |= {"dtype": models.variant.dtype, "prefixes": "stored blocks and caches"}
        deliver(here, lambda: say(", ".join(f"{name} {value}" for name, value in here.items())))
        return
    address, name, key = _server(url, model, settings.engine_url, settings.engine_model, settings.engine_key)
    probed = probe(named(address, name, settings.engine_timeout, key))
    if wants_json():
        emit({"engine": "server", **probed.facts()})
        return
    context = f"{probed.context:,} tokens" if probed.context else "not reported"
    _show(
        {
            "server": probed.server,
            "models": ", ".join(probed.models),
            "context": context,
            "prefixes": probed.prefixes,
            "round trip": f"{probed.round_trip_ms:,.1f} ms",
        }
    )


def _server(url: str, model: str, set_url: str, set_model: str, set_key: SecretStr) -> tuple[str, str, SecretStr]:
    """Address, model and key of the server to test; what the settings say of theirs goes to no other address."""
    if url in ("", set_url):
        return set_url, model or set_model, set_key
    return url, model, SecretStr("")


def _show(facts: Mapping[str, str]) -> None:
    for name, value in facts.items():
        say(f"{name:<12}{value}")


def _embeddings(settings: Settings, url: str, model: str) -> None:
    from core.models.server import Server
    from core.models.server_encoder import probe_embedder

    if not (url or settings.embed_url):
        deliver(
            {"encoder": settings.encoder, "runs": "in process"}, lambda: say(f"encoder {settings.encoder}, in process")
        )
        return
    address, name, key = _server(url, model, settings.embed_url, settings.embed_model, settings.embed_key)
    probed = probe_embedder(Server(address, name, settings.engine_timeout, key, "TESSERA_EMBED"))
    if wants_json():
        emit({"runs": "server", **probed.facts()})
        return
    _show(
        {
            "encoder": probed.server,
            "dimension": f"{probed.dim:,}",
            "longest": f"{probed.max_tokens:,} tokens",
            "similarity": f"{probed.near:.2f} for two sentences about one thing, {probed.far:.2f} about two things",
            "round trip": f"{probed.round_trip_ms:,.1f} ms",
        }
    )


def export_model(
    output: Annotated[Path, typer.Option(help="A folder to create, or a file that ends in .gguf.")] = Path("reader"),
    plain: PlainOption = False,
) -> None:
    """Write the language model with its reader adapter merged in, for a server: safetensors (vLLM) or GGUF (llama.cpp).

    TESSERA_MODEL and TESSERA_DTYPE say which, and in which number format.

    Example: python -m app export-model --output reader.gguf
    """
    from core.models.download import original_file
    from core.models.export import export_folder, export_gguf
    from core.models.registry import Models

    settings = Settings.from_environment()
    models = Models(settings)
    lm = models.language_model(models.variant.plain if plain else models.variant)
    if output.suffix == ".gguf":
        written = export_gguf(lm, original_file(settings.model, settings.home), output)
    else:
        written = export_folder(lm, output)
    size = sum(path.stat().st_size for path in (written.rglob("*") if written.is_dir() else (written,)))
    if wants_json():
        adapter, dtype = lm.identity.adapter, lm.identity.dtype
        emit({"output": str(written), "bytes": size, "dtype": dtype, "adapter": adapter})
    else:
        reading = "with the reader adapter" if lm.identity.adapter else "without an adapter"
        say(f"{written}: {size / 1e6:,.0f} MB, {lm.identity.dtype}, {reading}.")
