"""Lambda's Runtime API for one worker: the HTTP server that its runtime client asks for work and tells the outcome.

Source: AWS Lambda Developer Guide, "Using the Lambda runtime API for custom runtimes" (version 2018-06-01).
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

from core.serverless.worker import VERSION

_PREFIX = f"/{VERSION}/runtime"


@dataclass(frozen=True)
class Invocation:
    """Work for a worker.

    Attributes:
        request_id: Identifies it.
        payload: JSON.
        deadline: Seconds since the epoch by which it must be done.
        function_arn: Of the function.
        trace_header: For X-Ray.
    """

    request_id: str
    payload: bytes
    deadline: float
    function_arn: str
    trace_header: str


@dataclass(frozen=True)
class Said:
    """What became of an invocation, or of a worker's start.

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


class RuntimeApi:
    """A server on a free loopback port.

    Attributes:
        address: ``host:port``, as the worker is told.
        asked: Set once the worker has asked for its first invocation, that is, when its start is over.
        said: What it reports, in order.
    """

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.asked_at = 0.0
        self.said: queue.Queue[Said] = queue.Queue()
        self._work: queue.Queue[Invocation | None] = queue.Queue()
        self._server = _Server(self)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()

    def give(self, invocation: Invocation) -> None:
        """Hands the worker its next invocation."""
        self._work.put(invocation)

    def take(self) -> Invocation | None:
        """Waits for work; None when the API closes. Called by the server for the worker."""
        if not self.asked.is_set():
            self.asked_at = time.monotonic()
            self.asked.set()
        return self._work.get()

    def close(self) -> None:
        """Stops the server and lets go of the port."""
        self._work.put(None)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, api: RuntimeApi) -> None:
        self.api = api
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A worker that ends in the middle of a request is no fault of the server: its pool sees it end."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body in one packet, at once: else the kernel waits 40 ms for more
    wbufsize = 1 << 16
    server: _Server

    def do_GET(self) -> None:
        if self.path != f"{_PREFIX}/invocation/next":
            return self._reply(404, b"{}")
        invocation = self.server.api.take()
        if invocation is None:
            self.close_connection = True
            return None
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(int(invocation.deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
            "Lambda-Runtime-Trace-Id": invocation.trace_header,
        }
        return self._reply(200, invocation.payload, headers)

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = self.path.removeprefix(_PREFIX).strip("/").split("/")
        said = self.server.api.said
        if parts == ["init", "error"]:
            said.put(Said("init error", "", content, time.monotonic()))
        elif len(parts) == 3 and parts[0] == "invocation" and parts[2] == "response":
            said.put(Said("response", parts[1], content, time.monotonic()))
        elif len(parts) == 3 and parts[0] == "invocation" and parts[2] == "error":
            said.put(Said("error", parts[1], content, time.monotonic()))
        else:
            return self._reply(404, b"{}")
        return self._reply(202, b'{"status": "OK"}')

    def _reply(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: the twin keeps its own record of every invocation."""
