import threading
from contextlib import closing

import pytest

from app.asking import Choices, Failed, Opening, Run, Waiting, answer_in_turn, answer_together, warm_up
from core.errors import ArtefactMissing
from core.methods.base import Answer, Finished, Text, Working
from core.trace import Trace

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


def test_arms_answer_one_after_another_and_are_kept():
    run = run_of("rag", "cag")
    methods = {name: Says(name) for name in ("rag", "cag")}
    order = [name for name, _ in answer_in_turn(run, methods.__getitem__, threading.RLock())]
    assert order == sorted(order, key=["rag", "cag"].index)
    assert {name: answer.text for name, answer in run.answers.items()} == {"rag": "one two", "cag": "one two"}
    assert run.status == "done"
    assert run.drafts == {}


def test_an_arm_that_cannot_open_does_not_stop_the_others():
    def open_arm(name):
        if name == "cag":
            raise ArtefactMissing("There are no caches.", "Build them.")
        return Says(name)

    run = run_of("cag", "rag")
    happenings = list(answer_in_turn(run, open_arm, threading.RLock()))
    assert ("cag", Failed("There are no caches.", "Build them.")) in happenings
    assert run.failures == {"cag": ("There are no caches.", "Build them.")}
    assert "rag" in run.answers


def test_closing_the_stream_stops_the_method_at_once_and_frees_the_lock():
    run, method, lock = run_of("rag", "cag"), Says("rag"), threading.RLock()
    with closing(answer_in_turn(run, lambda name: method, lock)) as happenings:
        for _, happening in happenings:
            if isinstance(happening, Text):
                break
    assert method.closed
    assert method.said == 1
    assert run.drafts == {"rag": "one"}
    assert run.answers == {}
    free = []
    thread = threading.Thread(target=lambda: free.append(lock.acquire(timeout=1)))
    thread.start()
    thread.join()
    assert free == [True]


def test_no_two_arms_compute_at_once():
    lock, entered = threading.RLock(), threading.Event()
    release = threading.Event()

    def hold():
        with lock:
            entered.set()
            release.wait(5)

    other = threading.Thread(target=hold)
    other.start()
    entered.wait(5)
    opened = []
    happenings = answer_in_turn(run_of("rag"), lambda name: opened.append(name) or Says(name), lock)
    assert next(happenings) == ("rag", Waiting())
    assert opened == []
    release.set()
    other.join()
    assert ("rag", Opening()) in list(happenings)
    assert opened == ["rag"]


def test_a_bug_is_not_swallowed_and_frees_the_lock():
    def broken(name):
        raise ZeroDivisionError

    lock = threading.RLock()
    with pytest.raises(ZeroDivisionError):
        list(answer_in_turn(run_of("rag"), broken, lock))
    assert not lock._is_owned()


def test_warming_up_stops_at_the_first_word():
    method = Says("rag", ("a", "b", "c"))
    warm_up(method)
    assert method.said == 1
    assert method.closed


def test_in_a_race_the_arms_take_turns_and_the_shorter_one_finishes_first():
    run, lock = run_of("rag", "cag"), threading.RLock()
    methods = {"rag": Says("rag", ("a", "b", "c", "d")), "cag": Says("cag", ("a",))}
    happenings = answer_together(run, methods.__getitem__, lock)
    assert [name for name, event in happenings if isinstance(event, Text)] == ["rag", "cag", "rag", "rag", "rag"]
    assert list(run.answers) == ["cag", "rag"]
    assert run.status == "done"


def test_a_race_goes_on_without_an_arm_that_cannot_open_or_breaks():
    class Breaks(Says):
        def stream(self, question):
            yield Text("so")
            raise ArtefactMissing("Gone.", "Build it.")

    def open_arm(name):
        if name == "cag":
            raise ArtefactMissing("There are no caches.", "Build them.")
        return Breaks(name) if name == "memory" else Says(name)

    run = run_of("cag", "memory", "rag")
    list(answer_together(run, open_arm, threading.RLock()))
    assert list(run.answers) == ["rag"]
    assert set(run.failures) == {"cag", "memory"}


def test_stopping_a_race_stops_every_arm_and_frees_the_lock():
    run, lock = run_of("rag", "cag"), threading.RLock()
    methods = {name: Says(name) for name in ("rag", "cag")}
    with closing(answer_together(run, methods.__getitem__, lock)) as happenings:
        for name, happening in happenings:
            if name == "cag" and isinstance(happening, Text):
                break
    assert all(method.closed for method in methods.values())
    assert not lock._is_owned()
    assert run.drafts == {"rag": "one", "cag": "one"}


def test_an_arm_that_must_know_the_gold_passages_is_not_warmed_up():
    method = Says("oracle")
    warm_up(method)
    assert method.said == 0
