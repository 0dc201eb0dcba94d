"""A lock that is fair, says how many are before you, and can be waited for with one's eyes open.

    with turns:                                  # waits as ``attend`` says, first come, first served
        ...
    with turns.ticket() as ticket:               # for those who have something to tell while they wait
        for ahead in ticket.looks():
            yield Waiting(ahead)
        ...

A place is given up, and a turn given back, when the ticket is closed: by leaving the block, from whichever thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from types import TracebackType

from core.jobs import Progress
from core.messages import message

SOON_S = 0.3
"""How long somebody waits before a word is lost about it, in seconds."""
LOOK_S = 2.0
"""How long to wait between two looks at whether the turn is still wanted, in seconds. A look costs milliseconds of the
machine on which somebody's answer is being timed, so twenty who wait look ten times a second together; the turn itself
is never late, since it wakes whom it belongs to."""


class Ticket:
    """A place in the queue, and the turn itself once all before it are gone.

    Args:
        turns: The queue.
        thread: Whose turn it will be; the turn may be taken again inside it.
    """

    def __init__(self, turns: FairLock, thread: threading.Thread) -> None:
        self._turns = turns
        self.thread = thread

    @property
    def ahead(self) -> int:
        """How many are before this one, the one whose turn it is among them; 0 when the turn is here."""
        return self._turns.before(self)

    def wait(self, timeout: float | None = None) -> bool:
        """Waits for the turn, for at most ``timeout`` seconds; returns whether it is here. The place stays."""
        return self._turns.await_turn(self, timeout)

    def looks(self) -> Iterator[int]:
        """Waits for the turn, and yields now and then how many are before; ends when the turn is here."""
        pause = SOON_S
        while not self.wait(pause):
            pause = LOOK_S
            yield self.ahead

    def close(self) -> None:
        """Gives the place up, or the turn back; harmless when done twice."""
        self._turns.leave(self)

    def __enter__(self) -> Ticket:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class FairLock:
    """First come, first served. A thread that has the turn may take it again.

    Attributes:
        attend: How ``with turns`` waits when the turn is not free at once: returns when the ticket has it, and may
            raise to go away. By default it waits without a word.
    """

    def __init__(self) -> None:
        self.attend: Callable[[Ticket], object] = Ticket.wait
        self._changed = threading.Condition()
        self._queue: list[Ticket] = []
        self._entered = threading.local()

    def ticket(self) -> Ticket:
        """A place at the end of the queue; beside the one that this thread has already."""
        ticket = Ticket(self, threading.current_thread())
        with self._changed:
            own = [place for place, other in enumerate(self._queue) if other.thread is ticket.thread]
            self._queue.insert(own[-1] + 1 if own else len(self._queue), ticket)
        return ticket

    @property
    def people(self) -> int:
        """How many have the turn or wait for it."""
        with self._changed:
            return len({other.thread for other in self._queue})

    def before(self, ticket: Ticket) -> int:
        """How many are before a ticket."""
        with self._changed:
            if ticket not in self._queue:
                return 0
            ahead = {other.thread for other in self._queue[: self._queue.index(ticket)]}
            return len(ahead - {ticket.thread})

    def await_turn(self, ticket: Ticket, timeout: float | None) -> bool:
        """See ``Ticket.wait``.

        Raises:
            ValueError: The ticket has been closed.
        """
        with self._changed:
            if ticket not in self._queue:
                raise ValueError("the ticket has been given back")
            return self._changed.wait_for(lambda: self._queue[0].thread is ticket.thread, timeout)

    def leave(self, ticket: Ticket) -> None:
        """See ``Ticket.close``."""
        with self._changed:
            if ticket in self._queue:
                self._queue.remove(ticket)
                self._changed.notify_all()

    def __enter__(self) -> FairLock:
        ticket = self.ticket()
        try:
            if not ticket.wait(0):
                self.attend(ticket)
        except BaseException:
            ticket.close()
            raise
        if not hasattr(self._entered, "tickets"):
            self._entered.tickets = []
        self._entered.tickets.append(ticket)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._entered.tickets.pop().close()


def until_turn(ticket: Ticket, done: int, total: int) -> Iterator[Progress]:
    """Waits for the turn inside long work, which can be cancelled meanwhile.

    Yields:
        That it waits, and how many are before it; nothing when the turn is here at once.
    """
    for ahead in ticket.looks():
        yield Progress("Waiting for the models", done, total, message("{n:,} before this one", n=ahead))
