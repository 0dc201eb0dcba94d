"""The tools over the Model Context Protocol (streamable HTTP): JSON texts with structured content beside them."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from anyio.to_thread import run_sync
from mcp.server import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.types import CallToolResult, TextContent, Tool
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from app.gradio.tools import Tools
from core.errors import TesseraError
from core.web import limit_log_rate

PATH = "/gradio_api/mcp"
_LOG = logging.getLogger(__name__)


class McpServer:
    """Serves tools to language models.

    Args:
        waiting: Most calls under way; further ones are refused.
    """

    def __init__(self, tools: Tools, waiting: int) -> None:
        limit_log_rate(
            "", "mcp.server.lowlevel.server", "mcp.server.streamable_http", __name__
        )  # "" is the root, which mcp uses
        self._tools = tools
        self._waiting = waiting
        self._busy = 0
        server: Server[Any, Any] = Server("Tessera")
        server.list_tools()(self._list)
        server.call_tool(validate_input=False)(self._call)
        self._manager = StreamableHTTPSessionManager(server, json_response=True, stateless=True)
        self.routes: list[BaseRoute] = [Route(path, self) for path in (PATH, f"{PATH}/")]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        await self._manager.handle_request(scope, receive, send)

    @asynccontextmanager
    async def lifespan(self, _: object) -> AsyncIterator[None]:
        """Open while the server runs."""
        async with self._manager.run():
            yield

    async def _list(self) -> list[Tool]:
        return [
            Tool(name=name, description=arguments.description, inputSchema=arguments.schema)
            for name, arguments in self._tools.arguments.items()
        ]

    async def _call(self, name: str, given: dict[str, Any]) -> CallToolResult:
        if self._busy > self._waiting:
            return _failed(f"The queue is full: {self._waiting} calls wait. Call again in a moment.")
        self._busy += 1
        try:
            result = await run_sync(self._tools.call, name, given)
        except TesseraError as error:
            return _failed(str(error))
        except Exception:  # noqa: BLE001 - a bug is printed to the terminal; the caller gets a sentence
            _LOG.exception("The tool %s failed", name)
            return _failed("The tool failed; the terminal of the server says why.")
        finally:
            self._busy -= 1
        structured = result if isinstance(result, dict) else {"result": result}
        text = json.dumps(result, ensure_ascii=False, default=str)
        return CallToolResult(content=[TextContent(type="text", text=text)], structuredContent=structured)


def _failed(text: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)], isError=True)
