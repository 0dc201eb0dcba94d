"""Bedrock through real boto3 clients: requests and answers checked against botocore's model of the service by its stub.

No request leaves this machine; what is tested is that ours have the documented form, and what becomes of the answers.
"""

import io
import json

import boto3
import numpy as np
import pytest
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber

from core.corpus.types import Passage
from core.errors import ModelError
from core.labs.serverless.bedrock import ClaudeReader, TitanEncoder
from core.labs.serverless.settings import CLAUDE, TITAN
from core.trace import Tracer


@pytest.fixture
def bedrock():
    client = boto3.client("bedrock-runtime", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stub:
        yield client, stub
        stub.assert_no_pending_responses()


def vectors(stub, text, values):
    raw = json.dumps({"embedding": values, "inputTextTokenCount": 3}).encode()
    reply = {"body": StreamingBody(io.BytesIO(raw), len(raw)), "contentType": "application/json"}
    body = json.dumps({"inputText": text, "dimensions": 256, "normalize": True})
    wanted = {"modelId": TITAN, "body": body, "contentType": "application/json", "accept": "application/json"}
    stub.add_response("invoke_model", reply, wanted)


def test_titan_gives_a_vector_per_text(bedrock):
    client, stub = bedrock
    first, second = [1.0] + [0.0] * 255, [0.0] * 255 + [1.0]
    vectors(stub, "a", first)
    vectors(stub, "b", second)
    found = TitanEncoder(client, TITAN, 256).encode_passages(["a", "b"])
    assert found.dtype == np.float32 and found.tolist() == [first, second]


def test_a_vector_of_another_length_is_refused(bedrock):
    client, stub = bedrock
    vectors(stub, "a", [1.0] * 512)
    with pytest.raises(ModelError, match="512"):
        TitanEncoder(client, TITAN, 256).encode_query("a")


def test_claude_reads_passages_and_its_tokens_are_counted(bedrock):
    client, stub = bedrock
    reply = {
        "output": {"message": {"role": "assistant", "content": [{"text": " Oren Pask "}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 41, "outputTokens": 3, "totalTokens": 44},
        "metrics": {"latencyMs": 5},
    }
    prompt = "Passages:\n\n[T] one\n\ntwo\n\nQuestion: q?"
    wanted = {
        "modelId": CLAUDE,
        "system": ANY,
        "messages": [{"role": "user", "content": [{"text": prompt}]}],
        "inferenceConfig": {"maxTokens": 9, "temperature": 0.0},
    }
    stub.add_response("converse", reply, wanted)
    tracer = Tracer()
    passages = (Passage("1", "T", "one"), Passage("2", "", "two"))
    assert ClaudeReader(client, CLAUDE, 9).answer("q?", passages, tracer) == "Oren Pask"
    trace = tracer.finish()
    assert (trace.prompt_tokens, trace.generated_tokens) == (41, 3)
    assert [span.name for span in trace.spans] == ["converse"]


def test_a_refusal_names_its_code_and_the_model(bedrock):
    client, stub = bedrock
    stub.add_client_error("converse", "AccessDeniedException", http_status_code=403)
    with pytest.raises(ModelError, match=r"AccessDeniedException.*claude"):
        ClaudeReader(client, CLAUDE, 9).answer("q", (), Tracer())


def test_a_service_that_cannot_be_reached_is_a_sentence():
    client = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url="http://127.0.0.1:9",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=boto3.session.Config(retries={"total_max_attempts": 1}),
    )
    with pytest.raises(ModelError, match="could not be asked"):
        TitanEncoder(client, TITAN, 256).encode_query("a")
