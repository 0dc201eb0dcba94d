"""``gradio``: the comparison as page, API and MCP tools; ``engine``: where the language model runs."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.common import JsonOption, WorkspaceOption, aside, emit, say, settings_and_workspace, until_interrupted
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
    say(f"Page  {front.address}\nAPI   {front.address}?view=api", aside)
    if mcp:
        say(f"MCP   {front.address}gradio_api/mcp/", aside)
    until_interrupted()
    front.close()


def engine(
    url: Annotated[str, typer.Option(help="Address of a server to test; without it, that of TESSERA_ENGINE_URL.")] = "",
    model: Annotated[str, typer.Option(help="Its model; a server that has a single one needs no name.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Test the connection to the server on which the language model runs: model, context, prefix caching, round trip.

    TESSERA_ENGINE_URL, TESSERA_ENGINE_MODEL and TESSERA_ENGINE_KEY name it. The key goes to no other address.

    Example: python -m app engine --url http://127.0.0.1:8080/v1
    """
    from pydantic import SecretStr

    from core.models.probe import named, probe
    from core.models.registry import Models

    settings = Settings.from_environment()
    if not (url or settings.engine_url):
        models = Models(settings)
        here = {"engine": "in process", "model": settings.model, "context": models.max_context()}
        here |= {"dtype": models.variant.dtype, "prefixes": "stored blocks and caches"}
        if as_json:
            emit(here)
        else:
            say(", ".join(f"{name} {value}" for name, value in here.items()))
        return
    own = url in ("", settings.engine_url)
    key = settings.engine_key if own else SecretStr("")
    wanted = model or (settings.engine_model if own else "")
    server = named(url or settings.engine_url, wanted, settings.engine_timeout, key)
    found = probe(server)
    if as_json:
        emit({"engine": "server", **found.facts()})
        return
    context = f"{found.context:,} tokens" if found.context else "not reported"
    for name, value in (
        ("server", found.server),
        ("models", ", ".join(found.models)),
        ("context", context),
        ("prefixes", found.prefixes),
        ("round trip", f"{found.round_trip_ms:,.1f} ms"),
    ):
        say(f"{name:<12}{value}")
