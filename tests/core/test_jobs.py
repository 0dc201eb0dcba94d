import threading

import pytest

from core.errors import TesseraError, WorkspaceBusy
from core.jobs import Job, JobBoard, JobState, Pace, Progress, WorkClock


def steps(n, closed=None):
    try:
        for done in range(1, n + 1):
            yield Progress("counting", done, n, data={"done": done})
    except GeneratorExit:
        if closed is not None:
            closed.set()
        raise


def finished(job):
    job.join(60)
    return job.report()


def test_a_job_runs_to_its_end_and_keeps_its_figures():
    report = finished(Job("count", lambda: steps(3)).start())
    assert report.state is JobState.DONE
    assert report.progress == Progress("counting", 3, 3, data={"done": 3})
    assert [row["done"] for row in report.history] == [1, 2, 3]


def test_cancel_closes_the_builder_after_the_step_it_is_in():
    gate, closed = threading.Event(), threading.Event()

    def work():
        yield Progress("first", 1, 2)
        gate.wait(60)
        yield from steps(1000, closed)

    job = Job("count", work).start()
    job.cancel()
    gate.set()
    report = finished(job)
    assert report.state is JobState.CANCELLED
    assert report.progress.stage in ("first", "counting")
    assert report.progress.done < 1000


def test_a_failure_carries_its_remedy_and_a_bug_its_traceback():
    def fails():
        yield Progress("x", 1, 2)
        raise TesseraError("The disk is full.", "Free some space.")

    def breaks():
        yield Progress("x", 1, 2)
        raise KeyError("k")

    failure, bug = finished(Job("a", fails).start()), finished(Job("b", breaks).start())
    assert (failure.state, failure.error, failure.details) == (
        JobState.FAILED,
        "The disk is full. Free some space.",
        "",
    )
    assert "bug" in bug.error and "KeyError" in bug.details


def test_one_running_job_for_a_workspace():
    gate = threading.Event()

    def waits():
        gate.wait(60)
        yield Progress("x", 1, 1)

    board = JobBoard()
    first = board.start("sample", Job("build", waits))
    with pytest.raises(WorkspaceBusy, match="build"):
        board.start("sample", Job("again", waits))
    board.start("other", Job("build", lambda: steps(1))).join(60)
    gate.set()
    first.join(60)
    assert board.latest("sample").report().state is JobState.DONE
    board.start("sample", Job("again", lambda: steps(1))).join(60)
    board.clear("sample")
    assert board.latest("sample") is None


def test_pace_judges_by_the_units_of_this_stage(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("core.jobs.time.monotonic", lambda: now[0])
    pace = Pace()
    assert pace.remaining(None) is None
    pace.step(Progress("a", 0, 10))
    now[0] = 4.0
    step = Progress("a", 2, 10)
    pace.step(step)
    assert pace.remaining(step) == pytest.approx(16.0)


def test_a_work_clock_stands_still_while_its_builder_is_suspended(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("core.jobs.time.perf_counter", lambda: now[0])

    def build():
        now[0] += 0.05
        yield Progress("Building", 0, 1)
        return 7

    clock, results = WorkClock(earlier_s=1.0), []

    def stage():
        results.append((yield from clock.over(build())))

    work = stage()
    next(work)
    now[0] += 30
    assert list(work) == []
    assert results == [7]
    assert clock.seconds == pytest.approx(1.05)
