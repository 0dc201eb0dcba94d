from contextlib import closing

import pytest

from core.errors import ArtefactMissing
from core.fair_lock import FairLock
from core.methods.base import Answer, Finished
from core.methods.comparison import Choices, Run
from core.methods.repeat import repeat
from core.trace import Trace
from tests.turns import queued


class Ticks:
    """A method whose clock counts how often it was asked."""

    def __init__(self, name):
        self.name, self.asked = name, 0

    def stream(self, question):
        self.asked += 1
        trace = Trace((), float(self.asked), float(self.asked), 1, 0, 1, 0)
        yield Finished(Answer(self.name, question, "so", (), trace))


@pytest.fixture
def methods():
    return {name: Ticks(name) for name in ("rag", "cag")}


@pytest.fixture
def run():
    trace = Trace((), 0.0, 0.0, 1, 0, 1, 0)
    answers = {name: Answer(name, "Who?", "so", (), trace) for name in ("rag", "cag")}
    return Run(Choices("sample", "Who?", ("rag", "cag", "memory"), True, 3), answers=answers)


def test_every_round_asks_each_method_that_had_answered(run, methods):
    steps = list(repeat(run, methods.__getitem__, FairLock(), times=3))
    assert [step.note for step in steps][:3] == [
        "round 1 of 3, Standard RAG", "round 1 of 3, KV-cache CAG", "round 2 of 3, Standard RAG"
    ]  # fmt: skip
    assert {name: [trace.total_ms for trace in traces] for name, traces in run.repeats.items()} == {
        "rag": [1.0, 2.0, 3.0],
        "cag": [1.0, 2.0, 3.0],
    }
    assert (steps[-1].done, steps[-1].total) == (6, 6)


def test_measured_again_the_first_measurement_disturbs_no_more(run, methods):
    run.missing["rag"] = [99.0]
    list(repeat(run, methods.__getitem__, FairLock(), times=3))
    assert [len(run.missing[name]) for name in ("rag", "cag")] == [3, 3]
    assert 99.0 not in run.missing["rag"]


def test_what_was_measured_stays_when_it_is_stopped(run, methods):
    lock = FairLock()
    with closing(repeat(run, methods.__getitem__, lock)) as work:
        for step in work:
            if step.done == 3:
                break
    assert [len(run.repeats[name]) for name in ("rag", "cag")] == [2, 1]
    assert queued(lock) == 0


def test_a_method_that_is_gone_is_an_error(run):
    def gone(name):
        raise ArtefactMissing("Gone.", "Build it.")

    with pytest.raises(ArtefactMissing):
        list(repeat(run, gone, FairLock()))
