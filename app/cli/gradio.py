"""``gradio``: the comparison as a page to show, a typed API, and tools over MCP."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.common import WorkspaceOption, aside, reporting, settings_and_workspace, until_interrupted


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

    with reporting(as_json=False):
        settings, ws = settings_and_workspace(workspace)
        front = GradioFront(ws, Models(settings), settings, port=port, mcp=mcp, waiting=waiting)
        aside.print(f"Page  {front.address}\nAPI   {front.address}?view=api", highlight=False)
        if mcp:
            aside.print(f"MCP   {front.address}gradio_api/mcp/", highlight=False)
        until_interrupted()
        front.close()
