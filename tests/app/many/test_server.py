"""What the server lets in: this machine alone, its own pages alone, files of bearable size alone."""

import http.client
import socket
import urllib.request

import pytest
from streamlit import config

from core.corpus.limits import MAX_FILE_BYTES
from tests.app.many.conftest import PROXY


def upload(served, session, size, headers=None):
    """Announces a file of ``size`` bytes and sends none of it; the status that comes back at once."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    connection.putrequest("PUT", f"/_stcore/upload_file/{session}/file-1")
    for name, value in {"Content-Length": str(size), "Content-Type": "text/plain", **(headers or {})}.items():
        connection.putheader(name, value)
    connection.endheaders()
    try:
        return connection.getresponse().status
    finally:
        connection.close()


def token(served):
    """The cookie that only the server's own pages can read."""
    with urllib.request.urlopen(f"http://127.0.0.1:{served.port}/_stcore/health", timeout=60) as answer:
        cookies = answer.headers.get_all("Set-Cookie") or []
    return next(cookie.split(";")[0].partition("=") for cookie in cookies if "xsrf" in cookie)


def test_the_settings_as_streamlit_reads_them(monkeypatch):
    monkeypatch.delenv("STREAMLIT_SERVER_ADDRESS", raising=False)
    config.get_config_options(force_reparse=True)
    assert config.get_option("server.address") == "127.0.0.1"
    assert config.is_manually_set("browser.serverAddress")
    assert config.get_option("server.enableXsrfProtection") is True
    assert config.get_option("server.enableCORS") is True
    assert config.get_option("server.maxUploadSize") * 2**20 == MAX_FILE_BYTES
    assert config.get_option("browser.gatherUsageStats") is False
    assert config.get_option("client.showErrorDetails") == "none"


def test_nobody_but_this_machine_reaches_it(served):
    others = {found[4][0] for found in socket.getaddrinfo(socket.gethostname(), None)} - {"127.0.0.1", "::1"}
    if not others:
        pytest.skip("This machine has no address besides the loopback.")
    for address in others:
        with pytest.raises(OSError), socket.create_connection((address, served.port), timeout=5):
            pass


def handshake(served, host, origin):
    """The status with which a WebSocket is answered; ``{port}`` is the server's."""
    head = (
        "GET /_stcore/stream HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as raw:
        raw.sendall(head.format(host=host, origin=origin).format(port=served.port).encode())
        return int(raw.recv(200).split(b" ")[1])


STRANGERS = [
    ("127.0.0.1:{port}", "http://evil.example"),
    ("127.0.0.1:{port}", "http://127.0.0.1:1"),
    ("127.0.0.1:{port}", "http://localhost"),
    ("127.0.0.1:{port}", "null"),
    ("evil.example:{port}", "http://evil.example:{port}"),
    ("evil.example", "http://evil.example"),
    ("127.0.0.1:1", "http://127.0.0.1:1"),
]
KNOWN = [
    ("127.0.0.1:{port}", "http://127.0.0.1:{port}"),
    ("127.0.0.1:{port}", "http://localhost:{port}"),
    ("localhost:{port}", "http://[::1]:{port}"),
    (PROXY, f"https://{PROXY}"),
    ("127.0.0.1:{port}", f"https://{PROXY}"),
]


@pytest.mark.parametrize(("host", "origin"), STRANGERS)
def test_a_page_of_a_stranger_opens_no_session_any_local_port_included(served, host, origin):
    assert handshake(served, host, origin) == 403


@pytest.mark.parametrize(("host", "origin"), KNOWN)
def test_own_names_and_that_of_a_proxy_open_one(served, host, origin):
    assert handshake(served, host, origin) == 101


def test_pages_and_files_are_not_handed_to_another_name(served):
    for name, value in (("Host", f"evil.example:{served.port}"), ("Origin", "http://evil.example")):
        for path in ("/", "/_stcore/health", "/media/x", "/_stcore/host-config"):
            connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
            connection.request("GET", path, headers={name: value})
            assert connection.getresponse().status == 403
            connection.close()


def test_a_session_with_rejections_reaches_nothing_beyond_this_machine(served):
    with served.tab() as tab:
        tab.settled()
        for host, origin in STRANGERS + KNOWN:
            handshake(served, host, origin)
    assert served.beyond.read_text() == ""


def test_uploads_need_the_token_of_the_page_and_a_bearable_size(served):
    with served.tab() as tab:
        tab.settled()
        assert upload(served, tab.session, 10) == 403
        name, _, value = token(served)
        known = {"Cookie": f"{name}={value}", "X-Xsrftoken": value}
        assert upload(served, tab.session, MAX_FILE_BYTES + 1, known) == 413
        assert upload(served, "nobody", 10, known) == 400
