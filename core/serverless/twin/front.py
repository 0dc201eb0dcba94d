"""The twin's HTTP front on 127.0.0.1: routes as API Gateway's, and Lambda's own Invoke for boto3.

POST /retrieve /generate /orchestrate     a function, through an event of an HTTP API
POST /ask                                 the state machine, answered as StartSyncExecution answers
POST /2015-03-31/functions/NAME/invocations   Lambda's Invoke
GET  /health
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from core.errors import TesseraError
from core.serverless.asl.interpreter import Execution
from core.serverless.events import http_event
from core.serverless.twin.pool import Record
from core.serverless.twin.twin import Twin

HOST = "127.0.0.1"
ROUTES = {"/retrieve": "retrieval", "/generate": "generation", "/orchestrate": "orchestrator"}
MAX_BODY = 6 * 1024 * 1024  # Lambda takes 6 MB in a synchronous invocation
_STATUS = {"throttled": 429, "timeout": 504, "error": 502, "crash": 502}
_INVOKE = "/2015-03-31/functions/"


class Front:
    """Serves a twin until it is closed.

    Args:
        port: Where to listen; 0 takes a free one.

    Attributes:
        address: ``http://127.0.0.1:PORT``.
        twin: What answers; set before the first request.

    Raises:
        TesseraError: The port is taken.
    """

    def __init__(self, port: int = 0) -> None:
        self.twin: Twin | None = None
        try:
            self._server = _Server(self, port)
        except OSError as error:
            raise TesseraError(f"Port {port} cannot be used ({error.strerror}).", "Choose another --port.") from error
        self.address = f"http://{HOST}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)

    def start(self) -> None:
        """Begins to answer."""
        self._thread.start()

    def close(self) -> None:
        """Stops answering and lets go of the port."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body of the reply to a request."""
        twin = self.twin
        if method == "GET" and path == "/health":
            return _json(200, {"status": "ok", "workers": len(twin.pids()) if twin else 0})
        if method != "POST" or twin is None:
            return _json(404, {"message": "Not Found"})
        if path == "/ask":
            return self._ask(twin, body)
        if path in ROUTES and ROUTES[path] in twin.pools:
            event = http_event(path, body.decode("utf-8", "replace"), str(uuid.uuid4()))
            return _proxied(twin.invoke(ROUTES[path], event))
        name = unquote(path.removeprefix(_INVOKE).removesuffix("/invocations"))
        if path.startswith(_INVOKE) and name in twin.pools:
            return _invoked(twin.pools[name].invoke(body or b"{}"))
        return _json(404, {"message": "Not Found"})

    @staticmethod
    def _ask(twin: Twin, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        try:
            payload = json.loads(body)
        except ValueError as error:
            return _json(400, {"error": f"The body is no JSON: {error}.", "remedy": "Send JSON in UTF-8."})
        if not isinstance(payload, dict):
            return _json(400, {"error": "The body is no JSON object.", "remedy": 'Send {"question": "..."}.'})
        return _json(200, sync_execution(twin.ask(payload).execution))


def sync_execution(execution: Execution) -> dict[str, Any]:
    """An execution as StartSyncExecution describes it; an HTTP API hands that on as it is, with status 200."""
    described: dict[str, Any] = {"status": execution.status}
    if execution.status == "SUCCEEDED":
        return {**described, "output": json.dumps(execution.output, ensure_ascii=False)}
    return {**described, "error": execution.error, "cause": execution.cause}


def _proxied(record: Record) -> tuple[int, Mapping[str, str], bytes]:
    if record.outcome != "ok":
        return _json(_STATUS[record.outcome], {"message": record.error_type})
    reply = record.content()
    return int(reply["statusCode"]), reply["headers"], str(reply["body"]).encode()


def _invoked(record: Record) -> tuple[int, Mapping[str, str], bytes]:
    headers = {"Content-Type": "application/json", "X-Amz-Executed-Version": "$LATEST"}
    if record.outcome == "throttled":
        content = json.dumps(
            {"Type": "User", "Message": "Rate Exceeded.", "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded"}
        )
        return 429, {**headers, "X-Amzn-ErrorType": "TooManyRequestsException"}, content.encode()
    if record.outcome != "ok":
        headers["X-Amz-Function-Error"] = "Unhandled"
    return 200, headers, record.payload


def _json(status: int, content: Mapping[str, Any]) -> tuple[int, Mapping[str, str], bytes]:
    return status, {"Content-Type": "application/json"}, json.dumps(content).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, front: Front, port: int) -> None:
        self.front = front
        super().__init__((HOST, port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    server: _Server

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY:
            self.close_connection = True
            self._reply(*_json(413, {"message": "Request Too Long"}))
            return
        body = self.rfile.read(int(length))
        self._reply(*self.server.front.answer(self.command, self.path.split("?")[0], body))

    def _reply(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: the command that serves shows what matters."""
