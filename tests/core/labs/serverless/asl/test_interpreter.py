import random
import threading

import pytest

from core.labs.serverless.asl.definition import FILE, load, parse
from core.labs.serverless.asl.interpreter import Interpreter, StateFailed

INVOKE = "arn:aws:states:::lambda:invoke"
NAMES = {f"{name.capitalize()}FunctionArn": name for name in ("cache", "retrieval", "rerank", "generation")}
FOUND = {
    "question": "q",
    "k": 1,
    "passages": [{"id": "p0", "title": "", "text": "t"}],
    "function": {"name": "retrieval"},
}
SAID = {"answer": "a", "function": {"name": "generation"}}
RANKED = {"passages": [{"id": "p9", "title": "", "text": "u"}], "function": {"name": "rerank"}}
RESULT = {"answer": "a", "passages": FOUND["passages"]}
MISS = {"hit": False, "result": None, "function": {"name": "cache"}}
HIT = {"hit": True, "result": RESULT, "function": {"name": "cache"}}


def machine(task, replies=None, **options):
    options.setdefault("sleep", lambda seconds: None)
    return Interpreter(load(FILE, NAMES), task, **options)


def scripted(**scripts):
    """A task that plays each function's replies in turn and notes what it was given."""
    asked = []

    def task(parameters):
        name = parameters["FunctionName"]
        asked.append((name, parameters["Payload"]))
        step = scripts[name].pop(0)
        if isinstance(step, StateFailed):
            raise step
        return {"StatusCode": 200, "Payload": step}

    task.asked = asked
    return task


def one_task(**fields):
    return {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": INVOKE, "End": True, **fields}}}


def test_the_shipped_machine_chains_the_two_functions():
    task = scripted(retrieval=[FOUND], generation=[SAID])
    done = machine(task).run({"question": "q", "k": 2})
    assert done.status == "SUCCEEDED"
    assert done.output["answer"] == "a" and done.output["passages"] == FOUND["passages"]
    assert ran(done) == {"retrieval": {"name": "retrieval"}, "generation": {"name": "generation"}}
    assert done.output["cached"] is False
    assert task.asked[0] == ("retrieval", {"question": "q", "k": 2})
    assert task.asked[1] == ("generation", {"question": "q", "passages": FOUND["passages"]})


def ran(done):
    return {stage: facts for stage, facts in done.output["stages"].items() if facts}


def test_passages_are_re_ranked_before_they_are_read_where_that_is_asked_for():
    task = scripted(retrieval=[FOUND], rerank=[RANKED], generation=[SAID])
    done = machine(task).run({"question": "q", "k": 1, "rerank": True})
    assert task.asked[1] == ("rerank", {"question": "q", "passages": FOUND["passages"], "k": 1})
    assert task.asked[2] == ("generation", {"question": "q", "passages": RANKED["passages"]})
    assert done.output["passages"] == RANKED["passages"] and list(ran(done)) == ["retrieval", "rerank", "generation"]


def test_a_kept_result_is_the_whole_answer():
    asked = {"question": "q", "cache": True}
    task = scripted(cache=[HIT])
    done = machine(task).run(asked)
    assert task.asked == [("cache", asked)]
    assert done.output == {"question": "q", **RESULT, "cached": True, "stages": {"lookup": {"name": "cache"}}}


def test_a_result_that_was_not_kept_is_kept_afterwards():
    asked = {"question": "q", "cache": True, "rerank": False}
    task = scripted(cache=[MISS, {"kept": True, "function": {"name": "cache"}}], retrieval=[FOUND], generation=[SAID])
    done = machine(task).run(asked)
    assert task.asked[-1] == ("cache", {"request": asked, "result": RESULT})
    assert list(ran(done)) == ["lookup", "retrieval", "generation", "keep"] and done.output["cached"] is False


def test_a_cache_that_fails_costs_no_answer():
    gone = StateFailed("TesseraError", "no such bucket")
    task = scripted(cache=[gone, gone], retrieval=[FOUND], generation=[SAID])
    done = machine(task).run({"question": "q", "cache": True})
    assert done.status == "SUCCEEDED" and done.output["answer"] == "a" and len(task.asked) == 4
    refused = machine(scripted(cache=[StateFailed("BadRequest", "{}")])).run({"question": "", "cache": True})
    assert (refused.status, refused.error) == ("FAILED", "BadRequest")


def test_nothing_found_is_answered_without_generation():
    task = scripted(retrieval=[{**FOUND, "passages": []}], generation=[])
    done = machine(task).run({"question": "q"})
    assert done.output["answer"] == "" and len(task.asked) == 1


def test_a_crash_is_retried_and_the_answer_is_not_lost():
    crash = StateFailed("Runtime.ExitError", "{}")
    task = scripted(retrieval=[crash, crash, FOUND], generation=[crash, SAID])
    done = machine(task).run({"question": "q"})
    assert done.status == "SUCCEEDED"
    assert [name for name, _ in task.asked] == ["retrieval"] * 3 + ["generation"] * 2


def test_a_refusal_is_not_retried_and_keeps_its_name_and_cause():
    task = scripted(retrieval=[StateFailed("BadRequest", '{"errorMessage": "empty"}')])
    done = machine(task).run({"question": ""})
    assert (done.status, done.error) == ("FAILED", "BadRequest") and "empty" in done.cause
    assert len(task.asked) == 1


def test_retries_end_and_their_waits_grow_with_jitter():
    waits = []
    throttle = StateFailed("Lambda.TooManyRequestsException", "{}")
    task = scripted(retrieval=[throttle] * 9)
    done = machine(task, sleep=waits.append, rng=random.Random(1)).run({"question": "q"})
    assert done.error == "Lambda.TooManyRequestsException"
    assert len(task.asked) == 5 and len(waits) == 4
    assert all(0 <= wait <= limit for wait, limit in zip(waits, (1, 2, 4, 8), strict=True))
    assert waits != sorted({round(wait) for wait in waits})


def test_backoff_without_jitter_is_exact_and_capped():
    rule = {"ErrorEquals": ["X"], "IntervalSeconds": 2, "MaxAttempts": 3, "BackoffRate": 3, "MaxDelaySeconds": 10}
    waits = []

    def task(parameters):
        raise StateFailed("X", "")

    done = Interpreter(parse(one_task(Retry=[rule])), task, sleep=waits.append).run({})
    assert waits == [2, 6, 10] and done.error == "X"


def test_a_task_that_takes_too_long_times_out_and_can_be_caught():
    release = threading.Event()
    caught = {"Type": "Pass", "End": True}
    document = one_task(TimeoutSeconds=0.05, Catch=[{"ErrorEquals": ["States.Timeout"], "Next": "B"}])
    document["States"]["B"] = caught
    done = Interpreter(parse(document), lambda parameters: release.wait(60)).run({"n": 1})
    release.set()
    assert done.status == "SUCCEEDED" and done.output["Error"] == "States.Timeout"


def test_an_execution_that_takes_too_long_times_out():
    now = [0.0]

    def slow(parameters):
        now[0] += 60
        raise StateFailed("X", "")

    document = {**one_task(Retry=[{"ErrorEquals": ["X"], "MaxAttempts": 9}]), "TimeoutSeconds": 100}
    done = Interpreter(parse(document), slow, sleep=lambda seconds: None, clock=lambda: now[0]).run({})
    assert done.status == "TIMED_OUT"


def test_a_bug_in_a_task_is_not_taken_for_a_failure_of_it():
    with pytest.raises(ZeroDivisionError):
        Interpreter(parse(one_task(TimeoutSeconds=5)), lambda parameters: 1 / 0).run({})


@pytest.mark.parametrize(
    ("rule", "data", "leads"),
    [
        ({"Variable": "$.a", "IsPresent": True}, {"a": None}, "Y"),
        ({"Variable": "$.a[1]", "IsPresent": True}, {"a": [1]}, "N"),
        ({"Variable": "$.a.b", "IsPresent": False}, {"a": 1}, "Y"),
        ({"Variable": "$.a", "BooleanEquals": True}, {"a": True}, "Y"),
        ({"Variable": "$.a", "BooleanEquals": True}, {"a": 1}, "N"),
        ({"Variable": "$.a", "BooleanEquals": False}, {"a": False}, "Y"),
        ({"And": [{"Variable": "$.a", "IsPresent": True}, {"Variable": "$.a", "BooleanEquals": True}]}, {}, "N"),
        ({"And": [{"Variable": "$.a", "IsPresent": True}, {"Variable": "$.b", "IsPresent": True}]}, {"a": 1}, "N"),
    ],
)
def test_choices(rule, data, leads):
    states = {
        "C": {"Type": "Choice", "Choices": [{**rule, "Next": "Y"}], "Default": "N"},
        "Y": {"Type": "Pass", "Parameters": {"at": "Y"}, "End": True},
        "N": {"Type": "Pass", "Parameters": {"at": "N"}, "End": True},
    }
    assert Interpreter(parse({"StartAt": "C", "States": states}), lambda parameters: None).run(data).output == {
        "at": leads
    }


def test_a_path_that_leads_to_nothing_is_a_failure_by_name():
    document = one_task(Parameters={"x.$": "$.nowhere"})
    done = Interpreter(parse(document), lambda parameters: None).run({})
    assert done.error == "States.ParameterPathFailure" and "$.nowhere" in done.cause
