"""What strangers and slips send to the served front: foreign names, wrong types, missing arguments, an interrupt."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from core.settings import ROOT

QUESTION = "Who drew the library maps?"


def request(address, path, content=None, **headers):
    """Status and body; ``Host`` among the headers replaces the right one."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    content = content if content is None or isinstance(content, bytes) else json.dumps(content).encode()
    connection.request(
        "GET" if content is None else "POST", path, content, {"Content-Type": "application/json", **headers}
    )
    reply = connection.getresponse()
    body = reply.read().decode()
    connection.close()
    return reply.status, body


def call(address, name, data):
    """The kind of the last event of an API call, and its data."""
    status, body = request(address, f"/gradio_api/call/{name}", {"data": data})
    if status != 200:
        return str(status), body
    _, events = request(address, f"/gradio_api/call/{name}/{json.loads(body)['event_id']}")
    kind, data = events.strip().split("\n")[-2:]
    return kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def tool(address, name, arguments, **headers):
    """What a tool answers over MCP, asked by hand."""
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
    accept = {"Accept": "application/json, text/event-stream", **headers}
    status, body = request(address, "/gradio_api/mcp/", message, **accept)
    return json.loads(body.split("data: ", 1)[-1]).get("result") if status == 200 else status


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}])
def test_no_page_of_another_name_or_origin_reads_anything(address, headers):
    host = urlsplit(address).netloc
    if "Host" in headers:
        headers = {
            "Host": f"evil.example:{urlsplit(address).port}",
            "Origin": f"http://evil.example:{urlsplit(address).port}",
        }
    assert request(address, "/", **headers)[0] == 403
    assert request(address, "/gradio_api/call/search_passages", {"data": ["pears", 1]}, **headers)[0] == 403
    assert tool(address, "search_passages", {"query": "pears"}, **headers) == 403
    assert request(address, "/", Origin=f"http://{host}")[0] == 200


def test_what_is_left_out_has_its_default(address):
    kind, (found,) = call(address, "search_passages", ["pears"])
    assert kind == "complete" and len(found["passages"]) == 5
    kind, (asked,) = call(address, "ask", [QUESTION])
    assert kind == "complete" and asked["method"] == "rag" and asked["top_k"] == 3
    assert tool(address, "ask", {"question": QUESTION})["structuredContent"]["method"] == "rag"


WRONG = [
    ("search_passages", [], {}, "'query' is missing"),
    ("search_passages", ["pears", "many"], {"query": "pears", "k": "many"}, "'k' is 'many'. Give a whole number"),
    ("search_passages", ["pears", None], {"query": "pears", "k": None}, "'k' is None"),
    ("search_passages", [{"a": 1}, 2], {"query": {"a": 1}, "k": 2}, "'query' is {'a': 1}. Give a text"),
    ("search_passages", ["caf\ud8e9", 2], {"query": "caf\ud8e9", "k": 2}, "'query' is no text"),
    ("ask", [7, "rag", 3], {"question": 7, "method": "rag"}, "'question' is 7. Give a text"),
    ("ask", [QUESTION, "rag", 2.5], {"question": QUESTION, "passages": 2.5}, "'passages' is 2.5"),
    ("compare", [QUESTION, ["rag"], 3], {"question": QUESTION, "methods": ["rag"]}, "'methods' is ['rag']"),
    ("ask", [QUESTION, "rag", 3, 4], {"question": QUESTION, "much": 4}, "Use: question, method, passages"),
]


@pytest.mark.parametrize(("name", "data", "arguments", "says"), WRONG)
def test_wrong_types_and_missing_arguments_are_a_sentence_and_no_traceback(address, capfd, name, data, arguments, says):
    kind, answer = call(address, name, data)
    assert kind == "error" and says in answer["error"]
    result = tool(address, name, arguments)
    assert result["isError"] and says in result["content"][0]["text"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("run/predict", {"fn_index": 999, "data": []}),
        ("queue/join", {"fn_index": 999, "data": [], "session_hash": "a"}),
        ("queue/join", {"fn_index": -1, "data": [], "session_hash": "a"}),
        ("call/none", {"data": []}),
    ],
)
def test_a_function_that_there_is_not_is_a_sentence_and_no_traceback(address, capfd, path, body):
    status, answer = request(address, f"/gradio_api/{path}", body)
    assert status == 404 and "There is no function of that name or number. Use: compare, ask" in answer
    assert capfd.readouterr() == ("", "")


def test_hostile_requests_cannot_fill_the_log(address, capfd):
    long, deep = "x" * 100_000, b"[" * 100_000
    for data in ([long, long, long], [[[[[long]]]], {}, []], None, "text", {"data": 1}):
        call(address, "compare", data)
        call(address, "compare_stream", data)
    bodies = (b"", b"{", b"\xff\xfe", deep, b'{"data": [' + deep, b'{"fn_index": 99, "data": []}')
    paths = ("call/ask", "run/ask", "queue/join", "queue/data", "predict", "mcp/", "nowhere", "call/none")
    for _ in range(10):
        for body in bodies:
            for path in paths:
                request(address, f"/gradio_api/{path}", body)
        tool(address, "no_such_tool", {})
        tool(address, "ask", [1])
        with socket.create_connection(("127.0.0.1", urlsplit(address).port)) as raw:
            raw.sendall(b"\x00\x01 nonsense\r\n\r\n")
    assert len("".join(capfd.readouterr())) < 60_000
    assert call(address, "list_methods", [])[0] == "complete"


def test_tools_answer_in_json_with_structured_content(address):
    asked = tool(address, "ask", {"question": QUESTION, "passages": 2})
    assert json.loads(asked["content"][0]["text"]) == asked["structuredContent"]
    assert asked["structuredContent"]["method"] == "rag" and not asked.get("isError")
    found = tool(address, "search_passages", {"query": "pears", "k": 1})
    assert json.loads(found["content"][0]["text"]) == found["structuredContent"]
    assert found["structuredContent"]["passages"][0]["title"].startswith("Orchard")
    listed = tool(address, "list_methods", {})
    assert json.loads(listed["content"][0]["text"]) == listed["structuredContent"]["result"]


def test_an_interrupt_while_answers_are_written_is_a_clean_stop(tmp_path):
    environment = {**os.environ, "TESSERA_WORKSPACES": str(tmp_path)}
    command = [sys.executable, "-m", "tests.app.gradio.busy_front"]
    front = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert "busy\n" in iter(front.stdout.readline, "")
    front.send_signal(signal.SIGINT)
    out, err = front.communicate(timeout=300)
    assert front.returncode == 0, err
    assert "computing: 0" in out, "a thread that computes when the process ends aborts it"
    assert "rror" not in err and "terminate" not in err and "Traceback" not in err
