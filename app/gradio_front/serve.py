"""Starts the Gradio front. It listens on this machine alone and never opens a tunnel to the outside."""

from __future__ import annotations

import gradio as gr

from app.gradio_front.desk import Desk
from app.gradio_front.page import build_page
from core.errors import TesseraError
from core.models.bundle import Models
from core.settings import ROOT
from core.workspace import Workspace

LOOPBACK = "127.0.0.1"
PORT = 7860
WAITING = 20
_THREADS = 24
_UPLOADS = "1kb"


def serve(
    ws: Workspace,
    models: Models,
    port: int = PORT,
    mcp: bool = False,
    host: str = LOOPBACK,
    waiting: int = WAITING,
) -> tuple[str, gr.Blocks]:
    """Launches the front.

    Args:
        ws: What is asked about.
        models: Loaded when the first question comes.
        port: Where to listen.
        mcp: Offer the functions as tools over MCP, too.
        host: Address to listen on; a container that is reached from outside gives its own.
        waiting: Most questions in the queue.

    Returns:
        The address, and what to wait for or to close.

    Raises:
        ArtefactMissing: The workspace holds no corpus.
        TesseraError: The port is taken.
    """
    ws.require("corpus")
    demo = build_page(Desk(ws, models), waiting)
    try:
        _, address, _ = demo.launch(
            server_name=host,
            server_port=port,
            share=False,
            mcp_server=mcp,
            prevent_thread_lock=True,
            quiet=True,
            max_threads=_THREADS,
            max_file_size=_UPLOADS,
            ssr_mode=False,
            favicon_path=ROOT / "assets" / "logo.svg",
            footer_links=["api"],
            theme=gr.themes.Default(primary_hue="teal", neutral_hue="stone"),
        )
    except OSError as error:
        raise TesseraError(f"Nothing can listen on port {port}: {error}.", "Choose another with --port.") from error
    return address, demo
