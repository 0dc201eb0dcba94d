"""Lambda's Runtime API for one worker: the HTTP server that its runtime client asks for work and tells the outcome.

Source: AWS Lambda Developer Guide, "Using the Lambda runtime API for custom runtimes" (version 2018-06-01).
"""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass
from typing import Literal

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core.labs.serverless.worker import VERSION
from core.web import HostCheck, WebServer

_PREFIX = f"/{VERSION}/runtime"
_KEEP_ALIVE_S = 3600
"""A worker keeps its connection while it works on an answer."""


@dataclass(frozen=True)
class Invocation:
    """Work for a worker.

    Attributes:
        deadline: Seconds since the epoch by which it must be done.
    """

    request_id: str
    payload: bytes
    deadline: float
    function_arn: str
    trace_header: str


@dataclass(frozen=True)
class FunctionReply:
    """The outcome of an invocation, or of a worker's start.

    Attributes:
        kind: "response" or "error" from the worker, "init error" when it could not start, "exit" when it ended.
        request_id: Of the invocation; empty for the last two.
        content: JSON as it was sent; empty for "exit".
        at: Monotonic seconds.
    """

    kind: Literal["response", "error", "init error", "exit"]
    request_id: str
    content: bytes
    at: float


_KINDS: dict[str, Literal["response", "error", "init error"]] = {
    "response": "response", "error": "error", "init": "init error"
}  # fmt: skip


class RuntimeApi:
    """A server on a free loopback port.

    Attributes:
        address: ``host:port``, passed to the worker.
        started: Set once the worker has asked for its first invocation.
        replies: What it reports, in order.
    """

    def __init__(self) -> None:
        self.started = threading.Event()
        self.started_at = 0.0
        self.replies: queue.Queue[FunctionReply] = queue.Queue()
        self._work: queue.Queue[Invocation | None] = queue.Queue()
        routes = [
            Route(f"{_PREFIX}/invocation/next", self._next),
            Route(f"{_PREFIX}/invocation/{{request_id}}/{{kind}}", self._report, methods=["POST"]),
            Route(f"{_PREFIX}/init/error", self._report, methods=["POST"]),
        ]
        self._server = WebServer(HostCheck(Starlette(routes=routes)), timeout_s=_KEEP_ALIVE_S)
        self._server.start()
        self.address = self._server.address.removeprefix("http://")

    def give(self, invocation: Invocation) -> None:
        """Hands the worker its next invocation."""
        self._work.put(invocation)

    def close(self) -> None:
        """Stops the server and frees the port."""
        self._work.put(None)
        self._server.close()

    def _next(self, _: Request) -> Response:
        """Waits for work, in a thread; there is none when the API closes."""
        if not self.started.is_set():
            self.started_at = time.monotonic()
            self.started.set()
        invocation = self._work.get()
        if invocation is None:
            return JSONResponse({}, 410)
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(int(invocation.deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
            "Lambda-Runtime-Trace-Id": invocation.trace_header,
        }
        return Response(invocation.payload, 200, headers, "application/json")

    async def _report(self, request: Request) -> Response:
        content, at = await request.body(), time.monotonic()
        request_id = request.path_params.get("request_id", "")
        kind = _KINDS.get(request.path_params.get("kind", "init"))
        if kind is None:
            return JSONResponse({}, 404)
        self.replies.put(FunctionReply(kind, request_id, content, at))
        return JSONResponse({"status": "OK"}, 202)
