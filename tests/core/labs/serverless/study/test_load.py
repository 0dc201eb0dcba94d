import threading
import time

import pytest

from core.labs.serverless.study.config import Arrivals
from core.labs.serverless.study.load import SETTLED_OVER, Running, run_load
from tests.core.labs.serverless.study.conftest import reply, sample
from tests.generators import finish

FAST = Arrivals(50, 50, 0.6)


def test_every_request_is_sent_when_it_is_due_whether_or_not_others_are_answered():
    def slow(question):
        time.sleep(0.3)
        return reply()

    _, samples = finish(run_load(slow, ["a", "b", "c"], FAST, seed=1))
    assert sorted(sample.at_s for sample in samples) == FAST.draw(1)
    assert all(sample.latency_ms >= 300 for sample in samples)
    assert {sample.question for sample in samples} == {0, 1, 2}


def test_progress_carries_live_figures_and_counts_what_fails():
    outcomes = iter(["ok", "throttled", "crash"] * 50)
    lock = threading.Lock()

    def send(question):
        with lock:
            return reply(next(outcomes))

    steps, samples = finish(run_load(send, ["a"], FAST, seed=2, label="L"))
    last = steps[-1].data if steps[-1].data["ok"] else steps[-2].data
    assert steps[0].stage == "L" and last["stages"] == {"retrieval": 10.0}
    assert {"t", "rate", "ok", "throttled", "failed", "cold", "p50_ms", "p99_ms"} <= set(last)
    assert len({sample.outcome for sample in samples}) == 3


def test_closing_it_stops_sending_and_waits_for_what_is_under_way():
    began, ended = [], []

    def send(question):
        began.append(1)
        time.sleep(0.2)
        ended.append(1)
        return reply()

    work = run_load(send, ["a"], Arrivals(20, 20, 60), seed=0)
    for step in work:
        if step.data["t"] > 0.6:
            break
    work.close()
    sent = len(began)
    assert 0 < sent == len(ended)
    time.sleep(0.3)
    assert len(began) == sent


def test_once_the_mean_has_settled_it_ends_but_not_before_the_top_of_the_rate(monkeypatch):
    monkeypatch.setattr(Running, "settled", lambda self: True)
    arrivals = Arrivals(20, 60, 1.5)
    _, samples = finish(run_load(lambda question: reply(), ["a"], arrivals, seed=0))
    assert sorted(sample.at_s for sample in samples) == [t for t in arrivals.draw(0) if t <= arrivals.ramp_s]


def test_a_mean_that_moves_has_not_settled():
    running = Running()
    for number in range(SETTLED_OVER):
        running.add(sample(latency=float(number)))
    assert not running.settled()
    for _ in range(SETTLED_OVER * 20):
        running.add(sample(latency=24.5))
    assert running.settled()


def test_a_bug_in_a_sender_is_not_swallowed():
    def broken(question):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        finish(run_load(broken, ["a"], FAST, seed=0))
