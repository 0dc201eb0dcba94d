"""Starts the Gradio front. It listens on this machine alone and never opens a tunnel to the outside."""

from __future__ import annotations

import gradio as gr
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from gradio.route_utils import FnIndexInferError
from starlette.routing import Mount

from app.gradio.mcp_server import McpServer
from app.gradio.page import build_page
from app.gradio.service import ComparisonService
from app.gradio.tools import Tools
from core.models.registry import Models
from core.settings import ROOT, Settings
from core.web import LOOPBACK, BodyLimit, HostCheck, WebServer
from core.workspace import Workspace

PORT = 7860
WAITING = 20
_UPLOADS = "1kb"
_MAX_BODY_BYTES = 256 * 1024


class GradioFront:
    """The page, its API and, where wanted, its tools, answering until it is closed.

    Args:
        host: Address to listen on; in a container that is reached from outside, its own.
        waiting: Most questions in the queue.

    Raises:
        ArtefactMissing: The workspace holds no corpus.
        TesseraError: The port is taken, or a host name in the settings is malformed.
    """

    def __init__(
        self,
        ws: Workspace,
        models: Models,
        settings: Settings,
        port: int = PORT,
        mcp: bool = False,
        host: str = LOOPBACK,
        waiting: int = WAITING,
    ) -> None:
        ws.require("corpus")
        self._service = ComparisonService(ws, models, settings)
        tools = Tools(self._service)
        tool_server = McpServer(tools, waiting) if mcp else None
        app = FastAPI(
            openapi_url=None,
            lifespan=tool_server.lifespan if tool_server else None,
            routes=tool_server.routes if tool_server else None,
        )
        self._demo = build_page(self._service, tools, waiting)
        gr.mount_gradio_app(
            app,
            self._demo,
            "/",
            show_error=False,
            max_file_size=_UPLOADS,
            ssr_mode=False,
            favicon_path=str(ROOT / "assets" / "logo.svg"),
            footer_links=["api"],
            theme=gr.themes.Default(primary_hue="teal", neutral_hue="stone"),
        )
        names = ", ".join(tools.functions)

        def refuse(request: Request, error: Exception) -> JSONResponse:
            return JSONResponse({"error": f"There is no function of that name or number. Use: {names}."}, 404)

        for mounted in (route.app for route in app.routes if isinstance(route, Mount)):
            if isinstance(mounted, FastAPI):
                mounted.add_exception_handler(FnIndexInferError, refuse)
        self._server = WebServer(HostCheck(BodyLimit(app, _MAX_BODY_BYTES), settings.allowed_hosts), port, host)
        self._server.start()
        self.address = f"{self._server.address}/"

    def close(self) -> None:
        """Stops running answers and the server, and waits until no computation is left."""
        self._service.close()
        self._demo.close(verbose=False)
        self._server.close()
