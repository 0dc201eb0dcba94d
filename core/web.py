"""What all HTTP servers share: which hosts and origins may call, limits on size and time, and an orderly shutdown.

    app = HostCheck(app, settings.allowed_hosts)  # other host names and requests from other pages are refused
    server = WebServer(BodyLimit(app), port)         # uvicorn in a thread of its own
    server.start(); ...; server.close()

A browser sends the requests of any page to any address, and the name of a page can be made to resolve to this machine
(DNS rebinding). Such a request carries the foreign name in Host or Origin: both are checked, ports included.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
from collections.abc import Mapping
from urllib.parse import urlsplit

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from core.errors import TesseraError
from core.messages import message
from core.normalise import comma_separated

LOOPBACK = "127.0.0.1"
MAX_BODY_BYTES = 6 * 1024 * 1024
"""Most bytes of a request: what Lambda takes in a synchronous invocation."""
MAX_CONNECTIONS = 128
"""Further ones are answered 503 at once."""
TIMEOUT_S = 10
"""Most seconds for the headers of a request, and for its body."""
_CLOSING_S = 10
_OWN_NAMES = ("127.0.0.1", "localhost", "::1")
_WEB_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
Authority = tuple[str, int | None]
"""A name or address in lower case, and the port where one is given."""


def authority(text: str) -> Authority | None:
    """The name and the port of ``name[:port]``; None when it is something else."""
    try:
        parts = urlsplit(f"//{text}")
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname or parts.netloc != text or parts.username is not None:
        return None
    return parts.hostname.rstrip("."), port


def parse_hosts(names: str) -> frozenset[Authority]:
    """The entries of a comma-separated list of host names under which the servers may be reached.

    Raises:
        TesseraError: An entry is not a host name.
    """
    authorities = {entry: authority(entry) for entry in comma_separated(names)}
    for entry, known in authorities.items():
        if known is None:
            raise TesseraError(
                message("TESSERA_ALLOWED_HOSTS names {entry!r}, which is no host.", entry=entry),
                "Give names such as tessera.example.org or 192.168.1.7:8501, with commas between them.",
            )
    return frozenset(known for known in authorities.values() if known)


class HostCheck:
    """Refuses requests with a foreign Host header, or from a page of another origin.

    Its own names are those of this machine (127.0.0.1, localhost, ::1, and the address at which a request arrived) with
    the port it listens on. A further name without a port is one behind a proxy at the usual ports of the web.

    Args:
        names: See ``parse_hosts``.
    """

    def __init__(self, app: ASGIApp, names: str = "") -> None:
        self._app = app
        self._listed = parse_hosts(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI: answers 403 (and closes a WebSocket before it opens) where the name is not known."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        wrong = self._wrong(scope)
        if not wrong:
            await self._app(_without_origin(scope), receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "unknown host or origin"})
        else:
            await respond(send, 403, {"error": wrong, "remedy": "Add its name to TESSERA_ALLOWED_HOSTS."})

    def _wrong(self, scope: Scope) -> str:
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        origins = [value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"]
        if len(hosts) != 1 or not self._knows(authority(hosts[0]), scope["scheme"], scope["server"]):
            return "This server is not asked under that name (Host)."
        for origin in origins:
            scheme, _, name = origin.partition("://")
            if scheme not in _WEB_PORTS or not self._knows(authority(name), scheme, scope["server"]):
                return "A page of another origin asks (Origin)."
        return ""

    def _knows(self, requested: Authority | None, scheme: str, server: tuple[str, int | None]) -> bool:
        if requested is None:
            return False
        name, port = requested
        usual = _WEB_PORTS[scheme]
        is_this_server = name in (*_OWN_NAMES, server[0]) and (port or usual) == server[1]
        return (
            is_this_server or (name, port) in self._listed or ((name, None) in self._listed and port in (None, 80, 443))
        )


def _without_origin(scope: Scope) -> Scope:
    """A WebSocket that is let in, without its Origin: Streamlit asks a public service before it takes a second name."""
    if scope["type"] != "websocket":
        return scope
    return {**scope, "headers": [(name, value) for name, value in scope["headers"] if name != b"origin"]}


class BodyLimit:
    """Reads the whole body of a request before the app sees it, up to a size and within a time."""

    def __init__(self, app: ASGIApp, max_bytes: int = MAX_BODY_BYTES, timeout_s: float = TIMEOUT_S) -> None:
        self._app, self._max_bytes, self._timeout_s = app, max_bytes, timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI: answers 413 or 408 in place of the app."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            body = await asyncio.wait_for(self._body(scope, receive), self._timeout_s)
        except asyncio.TimeoutError:
            await respond(send, 408, {"message": "Request Timeout"})
            return
        if body is None:
            await respond(send, 413, {"message": "Request Too Long"})
            return
        parts = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return parts.pop() if parts else await receive()

        await self._app(scope, replay, send)

    async def _body(self, scope: Scope, receive: Receive) -> bytes | None:
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self._max_bytes:
            return None
        body = bytearray()
        while len(body) <= self._max_bytes:
            part = await receive()
            body += part.get("body", b"")
            if not part.get("more_body", False):
                return bytes(body)
        return None


async def respond(send: Send, status: int, content: Mapping[str, object]) -> None:
    """Sends a JSON object as the whole response, and asks for the connection to be closed."""
    body = json.dumps(content).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": body})


class _TimedHead(H11Protocol):
    """Closes a connection whose request headers take too long: uvicorn itself has no limit for that."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_request()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._expect_request()

    def _expect_request(self) -> None:
        self.loop.call_later(self.timeout_keep_alive, self._hang_up, self.cycle)

    def _hang_up(self, last: object) -> None:
        if self.cycle is last and not self.transport.is_closing():
            self.transport.close()


class LogRateLimit(logging.Filter):
    """Passes a few records per minute, so that requests cannot fill the log."""

    def __init__(self, per_minute: int = 5) -> None:
        super().__init__()
        self._per_minute = per_minute
        self._minute, self._count = 0, 0

    def filter(self, record: logging.LogRecord) -> bool:
        """See ``logging.Filter``; the first record beyond the limit is replaced by a notice."""
        minute = int(record.created // 60)
        self._count = self._count + 1 if minute == self._minute else 1
        self._minute = minute
        if self._count > self._per_minute:
            record.msg, record.args, record.exc_info = "More of this minute is left out.", (), None
        return self._count <= self._per_minute + 1


def limit_log_rate(*loggers: str) -> None:
    """Limits the records per minute of each logger; a second call changes nothing."""
    for name in loggers:
        logger = logging.getLogger(name)
        if not any(isinstance(known, LogRateLimit) for known in logger.filters):
            logger.addFilter(LogRateLimit())


class WebServer:
    """uvicorn in a thread of its own, with limits.

    Args:
        port: Where to listen; 0 takes a free one.
        host: Address to listen on.
        timeout_s: For the headers of a request, and for an idle connection.

    Attributes:
        address: ``http://HOST:PORT``.

    Raises:
        TesseraError: The port is taken.
    """

    def __init__(self, app: ASGIApp, port: int = 0, host: str = LOOPBACK, timeout_s: int = TIMEOUT_S) -> None:
        try:
            self._socket = socket.create_server((host, port), backlog=2 * MAX_CONNECTIONS)
        except OSError as error:
            raise TesseraError(
                message("Port {port} cannot be used ({reason}).", port=port, reason=error.strerror),
                "Choose another with --port.",
            ) from error
        self.address = f"http://{host}:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            app,
            http=_TimedHead,
            ws="none",
            log_level="error",  # a warning for every odd request would let a stranger fill the log
            access_log=False,
            timeout_keep_alive=timeout_s,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=_CLOSING_S,
        )
        limit_log_rate("uvicorn.error")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="web server", daemon=True)

    def start(self) -> None:
        """Starts the server.

        Raises:
            RuntimeError: The app did not start.
        """
        self._thread.start()
        while not self._server.started:
            self._thread.join(0.005)
            if not self._thread.is_alive():
                raise RuntimeError("The web server ended while it started.")

    def close(self) -> None:
        """Stops the server and frees the port; requests under way have a few seconds to finish.

        If the shutdown of the app hangs, its daemon thread ends with the process.
        """
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(2 * _CLOSING_S)
        self._socket.close()
