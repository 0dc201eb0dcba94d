"""The clock of a method counts its work and nothing else."""

import threading

import pytest

from core.jobs import Progress
from core.labs.changes.clock import Clock


class Hands:
    """A clock that a test turns."""

    def __init__(self):
        self.s = 0.0

    def __call__(self):
        return self.s


@pytest.fixture
def hands():
    return Hands()


@pytest.fixture
def clock(hands):
    return Clock(threading.RLock(), clock=hands)


def shown(clock):
    return [(stage.name, stage.start_ms, stage.ms, stage.note) for stage in clock.stages]


def test_stages_follow_each_other_whatever_happens_between_them(clock, hands):
    with clock.stage("embed"):
        hands.s += 0.25
    hands.s += 7
    with clock.stage("index", "1 passage"):
        hands.s += 0.5
    assert shown(clock) == [("embed", 0.0, 250.0, ""), ("index", 250.0, 500.0, "1 passage")]
    assert clock.now_ms == 750.0


def test_a_stage_that_goes_on_grows(clock, hands):
    for note in ("step 1", "step 2"):
        with clock.stage("adapt", note):
            hands.s += 1
    assert shown(clock) == [("adapt", 0.0, 2000.0, "step 2")]


def test_work_is_timed_step_by_step_and_its_end_belongs_to_its_last_stage(clock, hands):
    def work():
        hands.s += 1
        yield Progress("Checking", 1, 1, "3 cells")
        hands.s += 2
        yield Progress("Prefilling", 1, 1, "cell 4")
        hands.s += 4

    for _ in clock.driving(work(), str.lower):
        hands.s += 100
    assert shown(clock) == [("checking", 0.0, 1000.0, "3 cells"), ("prefilling", 1000.0, 6000.0, "cell 4")]


def test_closing_closes_the_work(clock):
    closed = []

    def work():
        try:
            yield Progress("Prefilling", 1, 2)
            yield Progress("Prefilling", 2, 2)
        finally:
            closed.append(True)

    driven = clock.driving(work(), str.lower)
    next(driven)
    driven.close()
    assert closed == [True]


def test_a_stage_that_fails_is_counted(clock, hands):
    with pytest.raises(ValueError, match="no"), clock.stage("embed"):
        hands.s += 1
        raise ValueError("no")
    assert clock.now_ms == 1000.0


def test_the_clock_holds_the_lock_while_it_runs_only(hands):
    lock = threading.Lock()
    clock = Clock(lock, clock=hands)
    with clock.stage("embed"):
        assert lock.locked()
    assert not lock.locked()
