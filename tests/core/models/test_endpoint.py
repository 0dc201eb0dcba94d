"""Answers from an endpoint: against a real server on this machine that speaks the protocol, and its failures."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from core.corpus.types import Passage
from core.errors import ModelError, TesseraError
from core.models.answerer import LocalAnswerer, open_answerer
from core.models.endpoint import KEY_VARIABLE, Endpoint, EndpointAnswerer
from core.settings import Settings
from core.trace import Tracer
from tests.models import TinyModels

PASSAGE = Passage("p0", "Harbour lighthouse", "Oren Pask built the lighthouse.")
QUESTION = "Who built the lighthouse?"
KEY = "sk-very-secret"


@dataclass
class Server:
    """What the next requests meet, and what they said."""

    url: str = ""
    replies: list[str] = field(default_factory=list)
    requests: list[dict] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)


def handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.requests.append({"path": self.path, "key": self.headers["Authorization"], **body})
            reply = server.replies.pop(0) if server.replies else "good"
            if reply.isdigit():
                self._status(int(reply))
            elif reply == "slow":
                server.release.wait(10)
                self.close_connection = True
            else:
                self._events(reply)

        def _status(self, status: int) -> None:
            body = json.dumps({"error": {"message": f"no: {KEY}", "type": "x"}}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("retry-after-ms", "1")
            self.end_headers()
            self.wfile.write(body)

        def _events(self, reply: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self._send(_event("Oren"))
            if reply == "cut":
                self.close_connection = True
                return
            if reply == "stall":
                server.release.wait(10)
                self.close_connection = True
                return
            if reply == "no end":
                self.wfile.write(b"0\r\n\r\n")
                return
            self._send("data: {broken\n\n" if reply == "broken" else _event(" Pask"))
            self._send(_event("", "stop", {"prompt_tokens": 40, "completion_tokens": 2, "total_tokens": 42}))
            self._send("data: [DONE]\n\n")
            self.wfile.write(b"0\r\n\r\n")

        def _send(self, text: str) -> None:
            self.wfile.write(f"{len(text.encode()):x}\r\n{text}\r\n".encode())
            self.wfile.flush()

    return Handler


def _event(text: str, end: str | None = None, usage: dict | None = None) -> str:
    choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": end}
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "tiny", "choices": [choice]}
    return f"data: {json.dumps({**chunk, 'usage': usage})}\n\n"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    state = Server()
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler(state))
    state.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield state
    state.release.set()
    http.shutdown()
    thread.join()
    http.server_close()


def answerer(server: Server, timeout_s: float = 5.0) -> EndpointAnswerer:
    return EndpointAnswerer(Endpoint(server.url, "tiny", timeout_s), limit=16)


def ask(server: Server, timeout_s: float = 5.0) -> str:
    return "".join(answerer(server, timeout_s).stream(QUESTION, [PASSAGE], Tracer()))


def test_evidence_goes_there_and_the_answer_streams_back(server: Server) -> None:
    tracer = Tracer()
    assert list(answerer(server).stream(QUESTION, [PASSAGE], tracer)) == ["Oren", " Pask"]
    (sent,) = server.requests
    assert sent["path"] == "/v1/chat/completions" and sent["key"] == f"Bearer {KEY}"
    assert sent["model"] == "tiny" and sent["stream"] and sent["temperature"] == 0 and sent["max_tokens"] == 16
    assert PASSAGE.text in sent["messages"][1]["content"] and QUESTION in sent["messages"][1]["content"]
    trace = tracer.finish()
    assert (trace.prompt_tokens, trace.generated_tokens) == (40, 2)
    assert 0 < trace.ttft_ms <= trace.total_ms


@pytest.mark.parametrize("trouble", ["429", "500", "503"])
def test_passing_trouble_is_retried(server: Server, trouble: str) -> None:
    server.replies = [trouble]
    assert ask(server) == "Oren Pask"
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("replies", "says", "requests"),
    [
        (["401"], "refused the key", 1),
        (["404"], "no model 'tiny'", 1),
        (["429"] * 3, "429", 3),
        (["500"] * 3, "(500)", 3),
        (["400"], "(400)", 1),
        (["cut"], "cut before the answer ended", 1),
        (["no end"], "cut before the answer ended", 1),
        (["broken"], "no answer of the OpenAI protocol", 1),
    ],
)
def test_every_failure_is_a_sentence_without_the_key(
    server: Server, replies: list[str], says: str, requests: int
) -> None:
    server.replies = list(replies)
    with pytest.raises(ModelError) as caught:
        ask(server)
    assert says in caught.value.what and caught.value.remedy
    assert KEY not in str(caught.value)
    assert len(server.requests) == requests


def test_a_server_that_stops_in_the_middle_is_not_waited_for_for_ever(server: Server) -> None:
    server.replies = ["stall"]
    with pytest.raises(ModelError, match="in the middle"):
        ask(server, timeout_s=0.2)


def test_a_server_that_says_nothing_is_a_time_out(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.models.endpoint.RETRIES", 0)
    server.replies = ["slow"]
    with pytest.raises(ModelError, match=r"did not answer within 0\.2 s"):
        ask(server, timeout_s=0.2)


def test_nobody_there(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.models.endpoint.RETRIES", 0)
    gone = EndpointAnswerer(Endpoint("http://127.0.0.1:9/v1", "tiny"), 8)
    with pytest.raises(ModelError, match="cannot be reached"):
        list(gone.stream(QUESTION, [PASSAGE], Tracer()))


def test_closing_the_stream_lets_the_server_go(server: Server) -> None:
    server.replies = ["stall"]
    stream = answerer(server).stream(QUESTION, [PASSAGE], Tracer())
    assert next(stream) == "Oren"
    began = time.monotonic()
    stream.close()
    assert time.monotonic() - began < 4.0


def test_the_key_is_nowhere_but_in_the_request(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    found = answerer(server)
    with caplog.at_level(logging.INFO):
        list(found.stream(QUESTION, [PASSAGE], Tracer()))
    kept = f"{found.name} {found.fingerprint} {Settings(answerer_url=server.url, answerer_model='tiny')} {caplog.text}"
    assert KEY not in kept
    assert Endpoint("https://me:word@host.example/v1", "m").name == "m at host.example"


@pytest.mark.parametrize(("url", "model", "says"), [("localhost:8", "m", "no address"), ("http://h/v1", " ", "model")])
def test_a_wrong_address_is_named(url: str, model: str, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        Endpoint(url, model)


def test_the_settings_choose(server: Server, tiny_lm, tiny_encoder) -> None:
    local = open_answerer(TinyModels(Settings(), tiny_lm, tiny_encoder))
    assert isinstance(local, LocalAnswerer) and local.local and local.name == "tiny"
    there = Settings(answerer_url=server.url, answerer_model="tiny")
    remote = open_answerer(TinyModels(there, tiny_lm, tiny_encoder))
    assert isinstance(remote, EndpointAnswerer) and not remote.local and remote.name == "tiny at 127.0.0.1"
    with pytest.raises(TesseraError, match="model"):
        open_answerer(TinyModels(Settings(answerer_url=server.url), tiny_lm, tiny_encoder))
