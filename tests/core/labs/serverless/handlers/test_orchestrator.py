"""The orchestrator's calls, through boto3 and a stub of Lambda's answers; through the twin in tests of workers."""

import io
import json

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from core.labs.serverless.handlers.frame import Throttled
from core.labs.serverless.handlers.orchestrator import CallFailed, Orchestrator
from core.labs.serverless.requests import BadRequest, RetrievalRequest
from core.trace import Tracer

FOUND = {
    "question": "q",
    "passages": [{"id": "p0", "title": "T", "text": "t", "score": 0.5}],
    "function": {"name": "retrieval"},
}
SAID = {"answer": "a", "function": {"name": "generation"}}


@pytest.fixture
def lambda_():
    client = boto3.client("lambda", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stub:
        yield Orchestrator(client, "R", "G"), stub
        stub.assert_no_pending_responses()


def answer(content, **more):
    raw = json.dumps(content).encode()
    return {"StatusCode": 200, "Payload": StreamingBody(io.BytesIO(raw), len(raw)), **more}


def asked(function, content):
    return {"FunctionName": function, "Payload": json.dumps(content).encode()}


def run(orchestrator):
    return orchestrator.answer(RetrievalRequest("q", 2), Tracer())


def test_it_calls_both_functions_one_after_the_other(lambda_):
    orchestrator, stub = lambda_
    stub.add_response("invoke", answer(FOUND), asked("R", {"question": "q", "k": 2}))
    passages = [{"id": "p0", "title": "T", "text": "t"}]
    stub.add_response("invoke", answer(SAID), asked("G", {"question": "q", "passages": passages}))
    reply = run(orchestrator)
    assert reply["answer"] == "a" and reply["passages"] == FOUND["passages"]
    assert reply["stages"] == {"retrieval": {"name": "retrieval"}, "generation": {"name": "generation"}}


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
