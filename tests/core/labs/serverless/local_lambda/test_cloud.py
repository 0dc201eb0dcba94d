import base64
import contextlib
import http.client
import json
import os
import random
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from core.errors import TesseraError
from core.labs.serverless.local_lambda.cloud import LocalCloud
from core.labs.serverless.local_lambda.front import Front
from core.labs.serverless.local_lambda.pool import Record
from core.labs.serverless.local_lambda.process import FunctionConfig
from tests.core.labs.serverless.local_lambda.test_pool import alive, busy, wait_until

ECHO = "tests.core.labs.serverless.echo"


def functions(concurrency=2):
    return [
        FunctionConfig("retrieval", f"{ECHO}.retrieval", timeout_s=10, concurrency=concurrency),
        FunctionConfig("generation", f"{ECHO}.generation", timeout_s=10, concurrency=concurrency),
    ]


@pytest.fixture
def cloud():
    with LocalCloud(functions()) as opened:
        yield opened


@pytest.fixture
def front(cloud):
    front = Front()
    front.cloud = cloud
    front.start()
    yield front
    front.close()


def post(address, path, content):
    request = urllib.request.Request(address + path, content, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, json.loads(reply.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_the_state_machine_runs_over_real_processes(cloud):
    asked = cloud.ask({"question": "mills"})
    assert asked.execution.status == "SUCCEEDED" and asked.execution.output["answer"] == "about mills"
    assert [record.function for record in asked.records] == ["retrieval", "generation"]
    assert len(cloud.pids()) == 2


def test_workers_killed_in_mid_load_lose_no_accepted_request_and_leave_no_process():
    rng, seen = random.Random(3), set()

    def kill(cloud):
        for _ in range(4):
            wait_until(lambda: busy(cloud.pools["retrieval"]) > 1)
            seen.update(cloud.pids())
            os.kill(rng.choice(cloud.pools["retrieval"].pids()), signal.SIGKILL)
            time.sleep(0.5)

    # Never more ask than there may be workers: a request that is throttled too often has not been accepted.
    killer, people = ThreadPoolExecutor(1), ThreadPoolExecutor(3)
    with LocalCloud(functions(concurrency=3)) as cloud, killer, people:
        chaos = killer.submit(kill, cloud)
        questions = [{"question": f"q{number}", "sleep": 0.3} for number in range(48)]
        asked = list(people.map(cloud.ask, questions))
        chaos.result()
        seen.update(cloud.pids())
    outcomes = {record.outcome for one in asked for record in one.records}
    assert "crash" in outcomes, "no worker was hit while it worked: the test says nothing"
    assert not [one.execution.error for one in asked if one.execution.status != "SUCCEEDED"]
    assert [one.execution.output["answer"] for one in asked] == [f"about q{n}" for n in range(len(asked))]
    assert not [pid for pid in seen if alive(pid)]


def test_the_front_answers_as_start_sync_execution_does(front):
    status, reply = post(front.address, "/ask", b'{"question": "mills"}')
    assert (status, reply["status"]) == (200, "SUCCEEDED")
    assert json.loads(reply["output"])["answer"] == "about mills"


BAD = [
    (b"{", "JSON"),
    (b"[]", "object"),
    (b"[" * 100_000, "nested too deeply"),
    (b'{"question": ' + b"[" * 500 + b"]" * 500 + b"}", "nested too deeply"),
    (b'{"question": "caf\xe9"}', "no text"),
]


@pytest.mark.parametrize(("content", "says"), BAD)
def test_a_bad_body_is_a_400_with_a_reason_and_no_traceback(front, capfd, content, says):
    status, reply = post(front.address, "/ask", content)
    assert status == 400 and says in reply["error"]
    assert capfd.readouterr() == ("", "")


def throttled(name):
    return Record("r", name, "throttled", False, 0, 0, 0, 0, b'{"errorType": "TooManyRequestsException"}')


def test_a_function_is_told_of_a_body_that_is_no_text(front, monkeypatch):
    events = []
    monkeypatch.setattr(
        front.cloud, "invoke", lambda name, event: events.append(event) or front.cloud.pools[name].invoke(b"{}")
    )
    post(front.address, "/retrieve", b"caf\xe9")
    assert events[0]["isBase64Encoded"] and base64.b64decode(events[0]["body"]) == b"caf\xe9"


def test_a_page_of_another_name_is_not_answered(front):
    for name, value in (("Host", "evil.example"), ("Origin", "http://evil.example")):
        connection = http.client.HTTPConnection(front.address.removeprefix("http://"), timeout=30)
        connection.request("POST", "/ask", b'{"question": "mills"}', {name: value})
        assert connection.getresponse().status == 403
        connection.close()


def test_slow_connections_keep_no_threads(front):
    before = threading.active_count()
    with contextlib.ExitStack() as opened:
        for _ in range(300):
            raw = opened.enter_context(socket.create_connection(("127.0.0.1", int(front.address.rsplit(":", 1)[1]))))
            raw.sendall(f"POST /ask HTTP/1.1\r\nHost: {front.address[7:]}\r\nContent-Length: 9\r\n\r\n1".encode())
        time.sleep(0.5)
        assert threading.active_count() <= before + 1


def test_unknown_routes_are_404_and_too_much_is_413(front):
    assert post(front.address, "/nowhere", b"{}")[0] == 404
    assert post(front.address, "/orchestrate", b"{}")[0] == 404
    connection = http.client.HTTPConnection(front.address.removeprefix("http://"))
    connection.request("POST", "/ask", headers={"Content-Length": str(6 * 1024 * 1024 + 1)})
    assert connection.getresponse().status == 413
    connection.close()


def test_health_says_how_many_workers_there_are(front, cloud):
    cloud.invoke("retrieval", {"question": "q"})
    with urllib.request.urlopen(f"{front.address}/health", timeout=60) as reply:
        assert json.loads(reply.read()) == {"status": "ok", "workers": 1}


def test_boto3_invokes_functions_of_the_twin(front):
    client = boto3.client(
        "lambda",
        endpoint_url=front.address,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )
    reply = client.invoke(FunctionName="retrieval", Payload=b'{"question": "q"}')
    assert json.loads(reply["Payload"].read())["passages"] and "FunctionError" not in reply
    failed = client.invoke(FunctionName="retrieval", Payload=b"{}")
    assert failed["FunctionError"] == "Unhandled"
    assert json.loads(failed["Payload"].read())["errorType"] == "KeyError"
    with ThreadPoolExecutor(6) as threads:
        slow = [
            threads.submit(client.invoke, FunctionName="retrieval", Payload=b'{"question": "q", "sleep": 1}')
            for _ in range(6)
        ]
        errors = [future.exception() for future in slow]
    refused = [error for error in errors if isinstance(error, ClientError)]
    assert refused and {error.response["Error"]["Code"] for error in refused} == {"TooManyRequestsException"}


def test_a_taken_port_is_a_sentence(front):
    with pytest.raises(TesseraError, match="cannot be used"):
        Front(int(front.address.rsplit(":", 1)[1]))
