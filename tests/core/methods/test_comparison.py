from contextlib import closing
from dataclasses import replace

import pytest

from core.errors import ArtefactMissing
from core.fair_lock import FairLock
from core.methods.base import Answer, Finished, Text, Working
from core.methods.comparison import Choices, Failed, Opening, Run, Waiting, answer_each, warm_up
from core.settings import Settings
from core.trace import Trace
from tests.turns import queued, taken

TRACE = Trace((), 5.0, 9.0, 3, 0, 2, 100)


class Says:
    """A method that says one word a step and notes what became of its stream."""

    def __init__(self, name, words=("one", "two")):
        self.name, self.words, self.closed, self.said = name, words, False, 0

    def stream(self, question):
        try:
            yield Working("prefill", 1, 1)
            for word in self.words:
                self.said += 1
                yield Text(word)
            yield Finished(Answer(self.name, question, " ".join(self.words), (), TRACE))
        finally:
            self.closed = True


def run_of(*methods):
    return Run(Choices("sample", "Who?", methods, True, 3))


def test_what_the_memory_writes_first_is_chosen_or_as_the_settings_say():
    process, choices = Settings(memory_order="answer"), run_of("memory").choices
    assert choices.applied_to(process).memory_order == "answer"
    assert replace(choices, memory_order="evidence").applied_to(process).memory_order == "evidence"


def test_methods_answer_one_after_another_and_are_kept():
    run = run_of("rag", "cag")
    methods = {name: Says(name) for name in ("rag", "cag")}
    order = [name for name, _ in answer_each(run, methods.__getitem__, FairLock())]
    assert order == sorted(order, key=["rag", "cag"].index)
    assert {name: answer.text for name, answer in run.answers.items()} == {"rag": "one two", "cag": "one two"}
    assert run.status == "done"
    assert run.drafts == {}


def test_a_method_that_cannot_open_does_not_stop_the_others():
    def open_method(name):
        if name == "cag":
            raise ArtefactMissing("There are no caches.", "Build them.")
        return Says(name)

    run = run_of("cag", "rag")
    events = list(answer_each(run, open_method, FairLock()))
    assert ("cag", Failed("There are no caches.", "Build them.")) in events
    assert run.failures == {"cag": ("There are no caches.", "Build them.")}
    assert "rag" in run.answers


def test_closing_the_stream_stops_the_method_at_once_and_frees_the_lock():
    run, method, lock = run_of("rag", "cag"), Says("rag"), FairLock()
    with closing(answer_each(run, lambda name: method, lock)) as events:
        for _, event in events:
            if isinstance(event, Text):
                break
    assert method.closed
    assert method.said == 1
    assert run.drafts == {"rag": "one"}
    assert run.answers == {}
    assert queued(lock) == 0


def test_no_two_methods_compute_at_once():
    lock, opened = FairLock(), []
    with taken(lock):
        events = answer_each(run_of("rag"), lambda name: opened.append(name) or Says(name), lock)
        assert next(events) == ("rag", Waiting(1))
        assert opened == []
    assert ("rag", Opening()) in list(events)
    assert opened == ["rag"]


def test_who_goes_away_while_waiting_gives_the_place_up():
    lock = FairLock()
    with taken(lock):
        events = answer_each(run_of("rag"), Says, lock)
        assert next(events) == ("rag", Waiting(1))
        events.close()
        assert queued(lock) == 1
    assert queued(lock) == 0


def test_a_run_keeps_its_turn_from_the_first_method_to_the_last():
    lock, seen = FairLock(), []
    for name, _ in answer_each(run_of("rag", "cag"), Says, lock):
        seen.append((name, queued(lock)))
    assert set(seen) == {("rag", 1), ("cag", 1)}


def test_a_bug_is_not_swallowed_and_frees_the_lock():
    def broken(name):
        raise ZeroDivisionError

    lock = FairLock()
    with pytest.raises(ZeroDivisionError):
        list(answer_each(run_of("rag"), broken, lock))
    assert queued(lock) == 0


def test_warming_up_stops_at_the_first_word():
    method = Says("rag", ("a", "b", "c"))
    warm_up(method)
    assert method.said == 1
    assert method.closed


def test_a_method_that_must_know_the_gold_passages_is_not_warmed_up():
    method = Says("oracle")
    warm_up(method)
    assert method.said == 0


@pytest.mark.parametrize(
    ("missing", "served", "disturbed"),
    [({}, False, 0), ({"rag": [0.2]}, False, 0), ({"rag": [0.1], "cag": [0.9]}, False, 0.9), ({"rag": [1.5]}, True, 0)],
)
def test_clocks_are_disturbed_by_what_others_took(missing, served, disturbed):
    run = run_of("rag", "cag")
    run.missing, run.served = missing, served
    assert run.disturbed() == disturbed
