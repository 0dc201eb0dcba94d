"""A real server and raw requests: what a browser cannot be made to send, a stranger's program can."""

import contextlib
import http.client
import socket
import threading
import time

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from core import web
from core.errors import TesseraError
from core.web import BodyLimit, HostCheck, WebServer, authority, parse_hosts


async def echo(request):
    return PlainTextResponse(await request.body())


@contextlib.contextmanager
def serving(names="", timeout_s=web.TIMEOUT_S):
    routes = [Route("/", echo, methods=["GET", "POST"])]
    app = HostCheck(BodyLimit(Starlette(routes=routes), timeout_s=timeout_s), names)
    server = WebServer(app, timeout_s=timeout_s)
    server.start()
    try:
        yield int(server.address.rsplit(":", 1)[1])
    finally:
        server.close()


@pytest.fixture(scope="module")
def port():
    with serving("tessera.example.org, [fd00::7]:9000") as port:
        yield port


def status(port, host, origin=None, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.putrequest(method, "/", skip_host=True)
    for name, value in (("Host", host), ("Origin", origin), ("Content-Length", "0")):
        if value is not None:
            connection.putheader(name, value)
    connection.endheaders()
    with contextlib.closing(connection):
        return connection.getresponse().status


@pytest.mark.parametrize(
    "host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "[::1]:{port}", "tessera.example.org"]
)
def test_its_own_names_are_let_in_with_their_port(port, host):
    assert status(port, host.format(port=port)) == 200
    assert status(port, host.format(port=port), f"http://{host.format(port=port)}") == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:{port}",
        "evil.example",
        "127.0.0.1",
        "localhost:1",
        "localhost.evil.example:{port}",
        "127.0.0.1:{port}@evil.example",
        "tessera.example.org:9000",
        "[fd00::7]",
        "[::1:{port}",
        "",
    ],
)
def test_any_other_name_is_refused(port, host):
    assert status(port, host.format(port=port)) == 403


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://evil.example:{port}",
        "http://127.0.0.1:1",
        "http://localhost",
        "null",
        "file://",
        "https://127.0.0.1.evil.example:{port}",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_page_of_another_origin_is_refused_any_local_port_included(port, origin, method):
    assert status(port, f"127.0.0.1:{port}", origin.format(port=port), method) == 403


def test_a_proxy_that_ends_tls_passes_its_name_on(port):
    assert status(port, "tessera.example.org", "https://tessera.example.org") == 200
    assert status(port, f"127.0.0.1:{port}", "https://tessera.example.org") == 200
    assert status(port, "[fd00::7]:9000", "http://[fd00::7]:9000") == 200


def test_two_hosts_or_none_are_refused(port):
    for head in (f"Host: 127.0.0.1:{port}\r\nHost: evil.example\r\n", ""):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
            raw.sendall(f"GET / HTTP/1.0\r\n{head}\r\n".encode())
            assert raw.recv(100).split(b" ")[1] in (b"400", b"403")


def test_names_are_read_as_they_are_written():
    assert parse_hosts(" a.example , B.example:81,") == {("a.example", None), ("b.example", 81)}
    assert authority("user@host") is None and authority("host/path") is None and authority("host:99999") is None
    with pytest.raises(TesseraError, match="which is no host"):
        parse_hosts("https://a.example")


def test_too_much_is_refused_before_and_while_it_comes(port):
    head = f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
        raw.sendall(f"{head}Content-Length: {web.MAX_BODY_BYTES + 1}\r\n\r\n".encode())
        assert b" 413 " in raw.recv(100)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
        raw.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        with contextlib.suppress(ConnectionError):
            for _ in range(web.MAX_BODY_BYTES // 2**20 + 1):
                raw.sendall(b"100000\r\n" + b"x" * 2**20 + b"\r\n")
        assert b" 413 " in raw.recv(100)


def test_slow_connections_keep_no_thread_and_are_let_go():
    with serving(timeout_s=8) as port, contextlib.ExitStack() as opened:
        before = threading.active_count()
        slow = [opened.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(300)]
        for number, raw in enumerate(slow):
            head = f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            raw.sendall((head + "Content-Length: 9\r\n\r\n1" if number % 2 else head).encode())
        time.sleep(0.5)
        assert threading.active_count() <= before
        assert status(port, f"127.0.0.1:{port}", method="POST") == 503
        for raw in slow:
            raw.settimeout(60)
            while raw.recv(1000):
                pass
        assert status(port, f"127.0.0.1:{port}", method="POST") == 200


def test_a_taken_port_is_a_sentence(port):
    with pytest.raises(TesseraError, match="--port"):
        WebServer(echo, port)
