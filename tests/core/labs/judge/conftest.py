"""An endpoint on this machine that judges by rules one can check by hand, and a run to be judged."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.core.evaluation.conftest import finished, plan, resources  # noqa: F401  (fixtures)
from tests.core.methods.conftest import built, models  # noqa: F401  (fixtures)

KEY = "sk-very-secret"


@dataclass
class Endpoint:
    """Where it listens, what it was asked, and what it does next.

    Attributes:
        url: Base address.
        paths: Of all requests.
        keys: They came with.
        status: What it replies; 200 judges.
    """

    url: str = ""
    paths: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    status: int = 200


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """One answer is one statement; it is supported when its words stand in the context; embeddings count letters."""
    told = Endpoint()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(told))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    told.url = f"http://127.0.0.1:{server.server_port}/v1"
    yield told
    server.shutdown()
    server.server_close()


def _handler(told: Endpoint) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.paths.append(self.path)
            told.keys.add(self.headers["Authorization"])
            reply = _embeddings(body) if self.path.endswith("/embeddings") else _completion(body)
            content = json.dumps(reply if told.status == 200 else {"error": {"message": f"no: {KEY}"}}).encode()
            self.send_response(told.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler


def _completion(body: dict) -> dict:
    schema, asked = body["messages"][0]["content"], body["messages"][-1]["content"]
    given, _ = json.JSONDecoder().raw_decode(asked[asked.rindex("input: {") + len("input: ") :])
    if '"StatementGeneratorOutput"' in schema:
        said = {"statements": [given["answer"]]}
    elif '"NLIStatementOutput"' in schema:
        said = {
            "statements": [
                {"statement": text, "reason": "by its words", "verdict": int(text.lower() in given["context"].lower())}
                for text in given["statements"]
            ]
        }
    else:
        said = {"question": given["response"], "noncommittal": 0}
    message = {"role": "assistant", "content": json.dumps(said)}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    return {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}


def _embeddings(body: dict) -> dict:
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    vectors = [[float(text.lower().count(letter)) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts]
    data = [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(vectors)]
    return {"object": "list", "data": data, "model": "e", "usage": {"prompt_tokens": 1, "total_tokens": 1}}
