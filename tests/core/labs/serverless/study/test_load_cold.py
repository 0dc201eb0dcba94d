import threading

from core.labs.serverless.study.load import cold_starts, cold_summary
from tests.core.labs.serverless.study.conftest import record, reply
from tests.generators import result_of


def test_as_many_are_asked_at_once_as_there_may_be_workers():
    together = threading.Barrier(3, timeout=60)

    def send(question):
        together.wait()
        return reply(records=(record(cold=True, billed=900, init=300.0),), ms=50.0)

    samples = result_of(cold_starts({"flat": send}, ["a", "b"], 3, ""))["flat"]
    assert [sample.question for sample in samples] == [0, 1, 0]
    summary = cold_summary(samples)
    assert (summary["n"], summary["init_ms"], summary["spans"]) == (3, 300.0, {"retrieval/search": 4.0})
    assert summary["p50_ms"] > 0


def test_warm_answers_are_no_cold_starts():
    samples = result_of(cold_starts({"flat": lambda question: reply()}, ["a"], 1, ""))
    assert cold_summary(samples["flat"])["n"] == 0
