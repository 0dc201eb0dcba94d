"""Real processes throughout: what a pool promises is about when they start, fail and end."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.labs.serverless import worker
from core.labs.serverless.local_lambda.pool import Pool
from core.labs.serverless.local_lambda.process import FunctionConfig
from core.settings import ROOT

ECHO = "tests.core.labs.serverless.echo.handler"


@pytest.fixture
def pool():
    opened = []

    def open_pool(handler=ECHO, **options):
        opened.append(Pool(FunctionConfig("echo", handler, **{"timeout_s": 10, "concurrency": 1, **options})))
        return opened[-1]

    yield open_pool
    pids = [pid for one in opened for pid in one.pids()]
    for one in opened:
        one.close()
    assert not [pid for pid in pids if alive(pid)]


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def ask(pool, **event):
    return pool.invoke(json.dumps(event).encode())


def busy(pool):
    """Number of workers that answer something now."""
    with pool._lock:
        return len(pool._all) - len(pool._idle)


def wait_until(true, seconds=60):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_first_request_starts_a_process_and_the_next_finds_it_warm(pool):
    echo = pool()
    first, second = ask(echo, say="a"), ask(echo, say="b")
    assert (first.outcome, first.cold, second.cold) == ("ok", True, False)
    assert first.init_ms > 0 == second.init_ms
    assert first.billed_ms >= first.init_ms + first.duration_ms > first.billed_ms - 1
    assert first.content()["pid"] == second.content()["pid"] != os.getpid()
    assert second.content()["calls"] == 2 and second.content()["request"] == second.request_id


def test_beyond_the_limit_a_request_is_throttled_at_once(pool):
    echo = pool(concurrency=2)
    with ThreadPoolExecutor(4) as threads:
        records = list(threads.map(lambda number: ask(echo, sleep=0.6), range(4)))
    outcomes = sorted(record.outcome for record in records)
    assert outcomes == ["ok", "ok", "throttled", "throttled"]
    throttled = next(record for record in records if record.outcome == "throttled")
    assert throttled.error_type == "TooManyRequestsException" and throttled.billed_ms == 0
    assert len(echo.pids()) == 2


def test_what_a_handler_raises_is_its_error_and_the_process_lives_on(pool):
    echo = pool()
    failed = ask(echo, **{"raise": "no such thing"})
    assert (failed.outcome, failed.error_type) == ("error", "Refused")
    assert failed.content()["errorMessage"] == "no such thing"
    assert ask(echo).cold is False


def test_a_process_that_ends_is_a_crash_and_the_next_request_starts_another(pool):
    echo = pool()
    crashed = ask(echo, exit=True)
    assert (crashed.outcome, crashed.error_type) == ("crash", "Runtime.ExitError")
    again = ask(echo, say="a")
    assert again.outcome == "ok" and again.cold


def test_a_request_that_takes_too_long_loses_its_process(pool):
    echo = pool(timeout_s=0.3)
    warm = ask(echo)
    late = ask(echo, sleep=30)
    assert (late.outcome, late.error_type) == ("timeout", "Sandbox.Timedout")
    wait_until(lambda: not alive(warm.content()["pid"]))
    assert ask(echo).cold


def test_a_handler_that_cannot_be_imported_says_why(pool):
    record = ask(pool(handler="core.no_such_module.handler"))
    assert record.outcome == "crash" and "no_such_module" in record.content()["errorMessage"]


def test_an_idle_process_is_ended(pool):
    echo = pool(idle_s=0.1)
    pid = ask(echo).content()["pid"]
    wait_until(lambda: not echo.pids() and not alive(pid))
    assert ask(echo).cold


def test_a_killed_idle_process_is_replaced(pool):
    echo = pool()
    ask(echo)
    (victim,) = echo.pids()
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: not echo.pids())
    again = ask(echo)
    assert again.outcome == "ok" and again.content()["pid"] != victim


def test_a_closed_pool_ends_what_it_was_doing(pool):
    echo = pool()
    ask(echo)
    results = []
    thread = threading.Thread(target=lambda: results.append(ask(echo, sleep=60)))
    thread.start()
    wait_until(lambda: busy(echo) == 1)
    echo.close()
    thread.join(60)
    assert results[0].outcome == "crash" and not echo.pids()
    assert ask(echo).outcome == "throttled"


def test_without_the_lambda_client_the_same_protocol_is_spoken(pool, monkeypatch, tmp_path):
    (tmp_path / "awslambdaric.py").write_text("raise ImportError\n")
    code = "import sys, core.labs.serverless.worker as w; w.runs_under_lambda_client = lambda: False; w.main(sys.argv)"
    real = subprocess.Popen

    def start(command, **options):
        return real([sys.executable, "-c", code, *command[3:]], **options)

    monkeypatch.setattr("core.labs.serverless.local_lambda.process.subprocess.Popen", start)
    echo = pool()
    assert ask(echo, say="a").content()["said"] == "a"
    assert ask(echo, **{"raise": "no"}).error_type == "Refused"
    assert ask(echo, say="b").content()["calls"] == 3
    assert ask(echo, exit=True).outcome == "crash"


def test_the_lambda_client_itself_is_used_where_it_is_installed():
    pytest.importorskip("awslambdaric")
    assert worker.runs_under_lambda_client()


def test_workers_of_a_killed_cloud_end_by_themselves():
    code = (
        "import json, time\n"
        "from core.labs.serverless.local_lambda.pool import Pool\n"
        "from core.labs.serverless.local_lambda.process import FunctionConfig\n"
        f"pool = Pool(FunctionConfig('echo', '{ECHO}'))\n"
        "print(json.loads(pool.invoke(b'{}').payload)['pid'], flush=True)\n"
        "time.sleep(60)\n"
    )
    cloud = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    pid = int(cloud.stdout.readline())
    assert alive(pid)
    cloud.send_signal(signal.SIGKILL)
    cloud.wait()
    cloud.stdout.close()
    wait_until(lambda: not alive(pid))
