import threading

import pytest

from core.labs.serverless.study.load import cold_starts, cold_summary
from tests.core.labs.serverless.study.conftest import record, reply


def test_as_many_are_asked_at_once_as_there_may_be_workers():
    together = threading.Barrier(3, timeout=60)

    def send(question):
        together.wait()
        return reply(records=(record(cold=True, billed=900, init=300.0),), ms=50.0)

    work = cold_starts({"flat": send}, ["a", "b"], 3, "")
    with pytest.raises(StopIteration) as end:
        while True:
            next(work)
    found = end.value.value["flat"]
    assert [sample.question for sample in found] == [0, 1, 0]
    summary = cold_summary(found)
    assert (summary["n"], summary["init_ms"], summary["spans"]) == (3, 300.0, {"retrieval/search": 4.0})
    assert summary["p50_ms"] > 0


def test_warm_answers_are_no_cold_starts():
    work = cold_starts({"flat": lambda question: reply()}, ["a"], 1, "")
    next(work)
    with pytest.raises(StopIteration) as end:
        next(work)
    assert cold_summary(end.value.value["flat"])["n"] == 0
