"""What every way of calling a function has in common: plain JSON, REST and HTTP API events, and real workers."""

import base64
import json
from types import SimpleNamespace

import pytest

from core.errors import ArtefactMissing, ArtefactStale, TesseraError
from core.labs.serverless.events import http_event
from core.labs.serverless.requests import BadRequest

CONTEXT = SimpleNamespace(aws_request_id="r-1")
PASSAGES = [{"id": "p0", "title": "Harbour lighthouse", "text": "Oren Pask built the lighthouse."}]
GOOD = {
    "retrieval": {"question": "Who built the lighthouse of Velm?", "k": 2},
    "generation": {"question": "Who built the lighthouse of Velm?", "passages": PASSAGES},
}
BAD = [
    ("retrieval", {}, "question"),
    ("retrieval", {"question": "  "}, "question"),
    ("retrieval", {"question": 7}, "question"),
    ("retrieval", {"question": "x" * 2001}, "at most 2000"),
    ("retrieval", {"question": "x" + " " * 2000}, "at most 2000"),
    ("retrieval", {"question": "x", "k": 0}, "'k' is 0"),
    ("retrieval", {"question": "x", "k": True}, "'k' is True"),
    ("retrieval", {"question": "x", "k": 51}, "50"),
    ("retrieval", {"question": "x", "kk": 3}, "kk"),
    ("retrieval", {"question": "x", "rerank": 1}, "'rerank' is 1"),
    ("rerank", {"question": "x"}, "passages"),
    ("rerank", {"question": "x", "passages": [], "k": 0}, "'k' is 0"),
    ("rerank", {"question": "x", "passages": [{"text": "t"}] * 51}, "50"),
    ("cache", {"question": "x", "cache": "yes"}, "'cache' is 'yes'"),
    ("cache", {"result": {}}, "'request'"),
    ("cache", {"request": {"question": "x"}, "result": {"answer": 5, "passages": []}}, "'result.answer' is 5"),
    ("cache", {"request": {}, "result": {"answer": "a", "passages": []}}, "question"),
    ("cache", {"request": {"question": "x"}, "result": {"answer": "a", "passages": [], "more": 1}}, "more"),
    ("generation", {"question": "x"}, "passages"),
    ("generation", {"question": "x", "passages": ["text"]}, "'passages.0' is 'text'"),
    ("generation", {"question": "x", "passages": [{"id": "a"}]}, "'passages.0.text' is missing"),
    ("generation", {"question": "x", "passages": [{"id": "a", "text": 5}]}, "'passages.0.text' is 5"),
    ("generation", {"question": "x", "passages": [{"text": "t"}] * 21}, "20"),
]


def over(shape):
    def call(handler, body):
        reply = handler(shape("/x", json.dumps(body), "g-1"), CONTEXT)
        assert set(reply) == {"statusCode", "headers", "body", "isBase64Encoded"}
        assert reply["headers"]["Content-Type"].startswith("application/json")
        return reply["statusCode"], json.loads(reply["body"])

    return call


def plainly(handler, body):
    try:
        return 200, handler(body, CONTEXT)
    except BadRequest as error:
        return 400, {"error": error.what, "remedy": error.remedy}


def as_base64(path, body, request_id):
    event = http_event(path, base64.b64encode(body.encode()).decode(), request_id)
    return {**event, "isBase64Encoded": True}


def rest_event(path, body, request_id="", method="POST"):
    """An event of a REST API (Lambda proxy integration, format 1.0)."""
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": {"Content-Type": "application/json"},
        "queryStringParameters": None,
        "pathParameters": None,
        "requestContext": {"httpMethod": method, "path": path, "requestId": request_id, "stage": "prod"},
        "body": body,
        "isBase64Encoded": False,
    }


CALLS = {"plain": plainly, "http": over(http_event), "rest": over(rest_event), "base64": over(as_base64)}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_retrieval_finds_the_passage_and_its_text(functions, call, tiny_corpus):
    status, reply = call(functions["retrieval"], GOOD["retrieval"])
    assert status == 200
    assert reply["passages"][0]["id"] == "p0" and len(reply["passages"]) == 2
    assert reply["passages"][0]["text"] == tiny_corpus.passages[0].text
    assert reply["passages"][0]["score"] >= reply["passages"][1]["score"]
    assert reply["function"]["cold"] is True and {"encode", "search", "open table"} <= set(reply["function"]["spans"])
    status, again = call(functions["retrieval"], GOOD["retrieval"])
    assert again["function"]["cold"] is False and "open table" not in again["function"]["spans"]
    assert again["passages"] == reply["passages"]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_generation_answers_and_counts_tokens(functions, call):
    status, reply = call(functions["generation"], GOOD["generation"])
    assert status == 200 and isinstance(reply["answer"], str)
    assert reply["sources"] == ["p0"] and reply["tokens"]["prompt"] > 10 and 0 < reply["tokens"]["generated"] <= 6
    assert {"load model", "prefill", "decode"} <= set(reply["function"]["spans"])


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_the_passage_that_says_the_same_comes_first_after_re_ranking(functions, call):
    question = GOOD["retrieval"]["question"]
    passages = [*PASSAGES, {"id": "p1", "title": "", "text": "Salt."}, {"id": "p2", "title": "", "text": question}]
    status, reply = call(functions["rerank"], {"question": question, "passages": passages, "k": 2})
    assert status == 200 and len(reply["passages"]) == 2 and reply["model"] == "maxsim"
    first, second = reply["passages"]
    assert first == {"id": "p2", "title": "", "text": question, "score": pytest.approx(1, abs=1e-4)}
    assert second["score"] < first["score"] and {"load model", "compare"} <= set(reply["function"]["spans"])


def test_retrieval_finds_more_where_they_are_re_ranked(functions):
    reply = functions["retrieval"]({**GOOD["retrieval"], "rerank": True}, CONTEXT)
    assert reply["k"] == 2 and len(reply["passages"]) == 10


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_result_is_kept_and_found_under_the_same_words(functions, call):
    asked, result = {"question": "Who built it?", "k": 2}, {"answer": "Oren Pask", "passages": PASSAGES}
    assert call(functions["cache"], asked)[1]["hit"] is False
    assert call(functions["cache"], {"request": asked, "result": result})[1]["kept"] is True
    status, reply = call(functions["cache"], {**asked, "question": "who built  it?"})
    assert status == 200 and reply["hit"] is True and reply["result"] == result
    assert call(functions["cache"], {**asked, "k": 3})[1]["hit"] is False


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_refusal_says_the_same_however_it_is_called(functions, call):
    status, reply = call(functions["retrieval"], {"question": "x", "k": 0})
    assert status == 400 and "'k' is 0" in reply["error"] and reply["remedy"]


@pytest.mark.parametrize(("function", "body", "says"), BAD)
def test_a_bad_body_is_a_400_with_a_reason(functions, function, body, says):
    status, reply = CALLS["http"](functions[function], body)
    assert status == 400
    assert says in f"{reply['error']} {reply['remedy']}" and reply["remedy"]
    assert "Traceback" not in json.dumps(reply)


@pytest.mark.parametrize("shape", [http_event, rest_event])
@pytest.mark.parametrize(
    ("body", "says"),
    [("", "empty"), (None, "empty"), ("{", "no JSON"), ("[1]", "no JSON object"), ("[" * 5000, "nested too deeply")],
)
def test_a_body_that_is_no_object_is_a_400(functions, shape, body, says):
    reply = functions["retrieval"](shape("/retrieve", body), CONTEXT)
    assert reply["statusCode"] == 400 and says in json.loads(reply["body"])["error"]


def test_only_post_is_answered(functions):
    reply = functions["retrieval"](http_event("/retrieve", "", method="GET"), CONTEXT)
    assert reply["statusCode"] == 400 and "GET" in json.loads(reply["body"])["error"]


def test_a_missing_index_is_a_5xx_with_a_remedy_and_raised_when_called_plainly(functions, monkeypatch, tmp_path):
    monkeypatch.setenv("TESSERA_INDEX_URL", str(tmp_path / "nowhere"))
    reply = functions["retrieval"](http_event("/retrieve", json.dumps(GOOD["retrieval"])), CONTEXT)
    assert reply["statusCode"] == 503 and "nowhere" in json.loads(reply["body"])["error"]
    with pytest.raises((ArtefactMissing, ArtefactStale)):
        functions["retrieval"](GOOD["retrieval"], CONTEXT)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TESSERA_INDEX_URL", ""),
        ("TESSERA_INDEX_KIND", "tree"),
        ("TESSERA_EMBEDDINGS", "magic"),
        ("TESSERA_TITAN_DIMENSIONS", "many"),
        ("TESSERA_TITAN_DIMENSIONS", "300"),
        ("TESSERA_RESULTS_TTL", "soon"),
    ],
)
def test_a_wrong_setting_is_named(functions, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(TesseraError, match=f"(?i){name.removeprefix('TESSERA_')}"):
        functions["retrieval"](GOOD["retrieval"], CONTEXT)


def test_every_invocation_is_one_metric_line(functions, lines):
    functions["retrieval"](GOOD["retrieval"], CONTEXT)
    functions["retrieval"](GOOD["retrieval"], CONTEXT)
    functions["retrieval"](http_event("/retrieve", "{}"), CONTEXT)
    assert [line["Outcome"] for line in lines] == ["ok", "ok", "refused"]
    assert [line["Cold"] for line in lines] == [1, 0, 0]
    assert {line["RequestId"] for line in lines} == {"r-1"} and {line["Index"] for line in lines} == {"flat"}
    assert lines[0]["OpenTable"] > 0 and "OpenTable" not in lines[1] and lines[1]["Search"] > 0
