"""The orchestrator's calls, through boto3 and a stub of Lambda's answers; through the local cloud in test_cloud."""

import io
import json

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from core.labs.serverless.handlers.base import Throttled
from core.labs.serverless.handlers.orchestrator import CallFailed, Orchestrator
from core.labs.serverless.requests import BadRequest, RetrievalRequest
from core.labs.serverless.settings import FunctionSettings
from core.trace import Tracer

FOUND = {
    "question": "q",
    "passages": [{"id": "p0", "title": "T", "text": "t", "score": 0.5}],
    "function": {"name": "retrieval"},
}
PASSAGES = FOUND["passages"]
RANKED = {"passages": PASSAGES, "function": {"name": "rerank"}}
RESULT = {"answer": "a", "passages": PASSAGES}
SAID = {"answer": "a", "function": {"name": "generation"}}


SETTINGS = FunctionSettings(retrieval_function="R", rerank_function="A", generation_function="G", cache_function="C")


@pytest.fixture
def lambda_():
    client = boto3.client("lambda", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stub:
        yield Orchestrator(client, SETTINGS), stub
        stub.assert_no_pending_responses()


def answer(content, **more):
    raw = json.dumps(content).encode()
    return {"StatusCode": 200, "Payload": StreamingBody(io.BytesIO(raw), len(raw)), **more}


def asked(function, content):
    return {"FunctionName": function, "Payload": json.dumps(content).encode()}


def run(orchestrator, **wanted):
    return orchestrator.answer(RetrievalRequest("q", 2, **wanted), Tracer())


def body(**wanted):
    return {"question": "q", "k": 2, "rerank": False, "cache": False, **wanted}


def test_it_calls_both_functions_one_after_the_other(lambda_):
    orchestrator, stub = lambda_
    stub.add_response("invoke", answer(FOUND), asked("R", body()))
    stub.add_response("invoke", answer(SAID), asked("G", {"question": "q", "passages": PASSAGES}))
    reply = run(orchestrator)
    assert reply["answer"] == "a" and reply["passages"] == FOUND["passages"]
    assert reply["stages"] == {"retrieval": {"name": "retrieval"}, "generation": {"name": "generation"}}


def test_it_re_ranks_and_keeps_what_is_asked_for(lambda_):
    orchestrator, stub = lambda_
    wanted = body(rerank=True, cache=True)
    stub.add_response("invoke", answer({"hit": False, "result": None, "function": {}}), asked("C", wanted))
    stub.add_response("invoke", answer(FOUND), asked("R", wanted))
    stub.add_response("invoke", answer(RANKED), asked("A", {"question": "q", "passages": PASSAGES, "k": 2}))
    stub.add_response("invoke", answer(SAID), asked("G", {"question": "q", "passages": PASSAGES}))
    stub.add_response(
        "invoke", answer({"kept": True, "function": {}}), asked("C", {"request": wanted, "result": RESULT})
    )
    reply = run(orchestrator, rerank=True, cache=True)
    assert list(reply["stages"]) == ["lookup", "retrieval", "rerank", "generation", "keep"] and not reply["cached"]


def test_a_kept_result_is_the_answer_and_a_cache_that_fails_costs_none(lambda_):
    orchestrator, stub = lambda_
    stub.add_response("invoke", answer({"hit": True, "result": RESULT, "function": {}}))
    assert run(orchestrator, cache=True) == {"question": "q", **RESULT, "cached": True, "stages": {"lookup": {}}}
    stub.add_client_error("invoke", "AccessDeniedException", http_status_code=403)
    stub.add_response("invoke", answer(FOUND))
    stub.add_response("invoke", answer(SAID))
    stub.add_client_error("invoke", "TooManyRequestsException", http_status_code=429)
    reply = run(orchestrator, cache=True)
    assert reply["answer"] == "a" and list(reply["stages"]) == ["retrieval", "generation"]


def test_a_throttle_is_told_as_one(lambda_):
    orchestrator, stub = lambda_
    stub.add_client_error("invoke", "TooManyRequestsException", http_status_code=429)
    with pytest.raises(Throttled, match="R"):
        run(orchestrator)


@pytest.mark.parametrize(
    ("kind", "error"), [("BadRequest", BadRequest), ("ArtefactStale", CallFailed), ("Runtime.ExitError", CallFailed)]
)
def test_an_error_of_a_function_keeps_whose_fault_it_was(lambda_, kind, error):
    orchestrator, stub = lambda_
    stub.add_response("invoke", answer({"errorType": kind, "errorMessage": "why"}, FunctionError="Unhandled"))
    with pytest.raises(error):
        run(orchestrator)


def test_a_refusal_of_lambda_is_named(lambda_):
    orchestrator, stub = lambda_
    stub.add_client_error("invoke", "AccessDeniedException", http_status_code=403)
    with pytest.raises(CallFailed, match="AccessDenied"):
        run(orchestrator)
