import threading
from contextlib import ExitStack

import pytest

from core.fair_lock import FairLock, until_turn
from tests.turns import queued

LONG_S = 30


class Person(threading.Thread):
    """Stands in the queue until it is told to go; notes its turn."""

    def __init__(self, turns, name, log):
        super().__init__(name=name, daemon=True)
        self.turns, self.log = turns, log
        self.queued, self.had, self.go = threading.Event(), threading.Event(), threading.Event()

    def run(self):
        with self.turns.ticket() as ticket:
            self.queued.set()
            assert ticket.wait(LONG_S)
            self.log.append(self.name)
            self.had.set()
            self.go.wait(LONG_S)


@pytest.fixture
def turns():
    return FairLock()


@pytest.fixture
def people(turns):
    """Makes people who stand in the queue one behind the other."""
    with ExitStack() as stack:
        log, made = [], []

        def stand(*names):
            for name in names:
                person = Person(turns, name, log)
                made.append(person)
                person.start()
                assert person.queued.wait(LONG_S)
            return made

        stack.callback(lambda: [(person.go.set(), person.join(LONG_S)) for person in made])
        stand.log = log
        yield stand


def test_first_come_first_served(people):
    first, *others = people("a", "b", "c", "d", "e")
    assert first.had.wait(LONG_S)
    assert people.log == ["a"]
    for person in (first, *others):
        person.go.set()
        person.join(LONG_S)
    assert people.log == ["a", "b", "c", "d", "e"]


def test_a_ticket_knows_how_many_are_before_it(turns, people):
    first, second = people("a", "b")
    with turns.ticket() as ticket:
        assert ticket.ahead == 2
        assert not ticket.wait(0)
        first.go.set()
        assert second.had.wait(LONG_S)
        assert ticket.ahead == 1
        second.go.set()
        assert ticket.wait(LONG_S)
        assert ticket.ahead == 0
    assert queued(turns) == 0


def test_waiting_in_vain_keeps_the_place(turns, people):
    (first,) = people("a")
    with turns.ticket() as ticket:
        assert not ticket.wait(0.01)
        people("late")
        first.go.set()
        assert ticket.wait(LONG_S)
        assert people.log == ["a"]


def test_who_goes_away_gives_the_place_up(turns, people):
    (first,) = people("a")
    gone = turns.ticket()
    *_, last = people("b")
    gone.close()
    gone.close()
    with pytest.raises(ValueError, match="given back"):
        gone.wait(0)
    first.go.set()
    assert last.had.wait(LONG_S)


def test_a_turn_may_be_taken_again_inside_it(turns, people):
    with turns:
        people("b")
        with turns, turns.ticket() as ticket:
            assert ticket.wait(0)
            assert ticket.ahead == 0
        assert people.log == []
        assert queued(turns) == 2


def test_a_thread_that_waits_already_does_not_wait_for_itself(turns, people):
    first, second = people("a", "b")
    with turns.ticket(), turns.ticket() as inner:
        first.go.set()
        second.go.set()
        assert inner.wait(LONG_S)


def test_a_turn_is_given_back_from_any_thread(turns):
    ticket = turns.ticket()
    assert ticket.wait(0)
    closer = threading.Thread(target=ticket.close)
    closer.start()
    closer.join()
    assert queued(turns) == 0


def test_an_error_inside_gives_the_turn_back(turns):
    with pytest.raises(ZeroDivisionError), turns:
        raise ZeroDivisionError
    assert queued(turns) == 0


def test_who_attends_may_go_away(turns, people):
    class Gone(BaseException):
        pass

    def leave(ticket):
        assert ticket.ahead == 1
        raise Gone

    people("a")
    turns.attend = leave
    with pytest.raises(Gone), turns:
        pytest.fail("it is not this one's turn")
    assert queued(turns) == 1


def test_one_at_a_time_whoever_comes(turns):
    inside, most = [], []

    def work():
        for _ in range(50):
            with turns:
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(LONG_S)
    assert len(most) == 400
    assert max(most) == 1
    assert queued(turns) == 0


def test_long_work_tells_that_it_waits_and_can_be_cancelled(turns, people):
    (first,) = people("a")
    with turns.ticket() as ticket:
        steps = until_turn(ticket, 3, 10)
        step = next(steps)
        assert (step.stage, step.done, step.total, step.note) == ("Waiting for the models", 3, 10, "1 before this one")
        steps.close()
    assert queued(turns) == 1
    first.go.set()
    first.join(LONG_S)
    with turns.ticket() as ticket:
        assert list(until_turn(ticket, 0, 1)) == []
