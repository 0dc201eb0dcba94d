import math

import pytest

from core.errors import TesseraError
from core.labs.serverless.study.probes import compare, probe
from tests.core.labs.serverless.study.conftest import reply
from tests.generators import result_of

KINDS = ("flat", "ivf-hnsw-sq")


def run(senders, count=6, questions=8):
    return result_of(probe(senders, [f"q{n}" for n in range(questions)], count, 0, ""))


def test_every_index_is_asked_the_same_questions_in_alternation():
    log = []

    def sender(kind, ms):
        def send(question):
            log.append((kind, question))
            return reply(ms=ms, search=ms / 2)

        return send

    probes = run({"flat": sender("flat", 20.0), "ivf-hnsw-sq": sender("ivf-hnsw-sq", 5.0)})
    assert [n for n, _ in probes.of("flat")] == [n for n, _ in probes.of("ivf-hnsw-sq")]
    assert len({n for n, _ in probes.of("flat")}) == 6
    pairs = [log[row : row + 2] for row in range(0, len(log), 2)]
    assert all(a[1] == b[1] and a[0] != b[0] for a, b in pairs)
    assert {pair[0][0] for pair in pairs} == set(KINDS)
    compared = compare(probes, KINDS, 0)
    assert compared["retrieval_ms"]["ratio"] == pytest.approx(4.0) and compared["search_ms"]["n"] == 6
    summary = probes.summary("flat")
    assert (summary["search_ms"], summary["retrieval_ms"], summary["n"]) == (10.0, 20.0, 6)
    assert summary["retrieval_share"] is None


def test_the_share_of_retrieval_needs_a_pipeline():
    probes = run({"flat": lambda question: reply(ms=10.0, generation=30.0)})
    assert probes.summary("flat")["retrieval_share"]["mean"] == pytest.approx(0.25)


def test_a_function_that_does_not_answer_ends_the_study_with_its_reason():
    with pytest.raises(TesseraError, match="do not answer"):
        run({"flat": lambda question: reply("crash")})


def test_a_question_that_was_throttled_is_asked_again():
    outcomes = iter(["throttled"] + ["ok"] * 99)
    probes = run({"flat": lambda question: reply(next(outcomes))}, count=2)
    assert all(found.outcome == "ok" for _, found in probes.of("flat"))
    assert not any(math.isnan(ms) for ms in probes.times("flat", "total_ms"))
