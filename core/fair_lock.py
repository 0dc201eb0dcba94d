"""A first-come, first-served lock whose waiting threads know how many are ahead and can do something meanwhile.

    with lock:                                   # waits as ``attend`` says
        ...
    with lock.ticket() as ticket:                # for generators that report while they wait
        for ahead in ticket.waits():
            yield Waiting(ahead)
        ...

Closing the ticket, by leaving the block or from any thread, leaves the queue or releases the lock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from core.jobs import Progress
from core.messages import message

FIRST_REPORT_S = 0.3
"""Seconds of waiting that are not reported."""
REPORT_S = 2.0
"""Seconds between two reports of a waiting thread. Each costs milliseconds of the machine on which an answer is being
timed; the lock itself is never late, because a release wakes the next thread."""


class Ticket:
    """A place in the queue; the one at its head holds the lock.

    Args:
        thread: The thread that will hold the lock, and may take it again meanwhile.
    """

    def __init__(self, lock: FairLock, thread: threading.Thread) -> None:
        self._lock = lock
        self.thread = thread

    @property
    def ahead(self) -> int:
        """Number of threads ahead, the one with the lock included; 0 once this one has it."""
        return self._lock.before(self)

    def wait(self, timeout: float | None = None) -> bool:
        """Waits at most ``timeout`` seconds; returns whether it has the lock. It keeps its place either way."""
        return self._lock.await_turn(self, timeout)

    def waits(self) -> Iterator[int]:
        """Waits for the lock and yields every few seconds how many are ahead; ends once it has the lock."""
        pause = FIRST_REPORT_S
        while not self.wait(pause):
            pause = REPORT_S
            yield self.ahead

    def close(self) -> None:
        """Leaves the queue, or releases the lock; closing twice is harmless."""
        self._lock.leave(self)

    def __enter__(self) -> Ticket:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class FairLock:
    """A reentrant lock, first come, first served.

    Attributes:
        attend: How ``with lock`` waits when the lock is taken: returns once the ticket has it, and may raise to give
            up. By default it reports nothing.
    """

    def __init__(self) -> None:
        self.attend: Callable[[Ticket], object] = Ticket.wait
        self._changed = threading.Condition()
        self._queue: list[Ticket] = []
        self._entered = threading.local()

    def ticket(self) -> Ticket:
        """A place at the end of the queue, or behind the one that this thread has already."""
        ticket = Ticket(self, threading.current_thread())
        with self._changed:
            positions = [position for position, other in enumerate(self._queue) if other.thread is ticket.thread]
            self._queue.insert(positions[-1] + 1 if positions else len(self._queue), ticket)
        return ticket

    def before(self, ticket: Ticket) -> int:
        """Number of threads ahead of a ticket."""
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

    def __exit__(self, *error: object) -> None:
        self._entered.tickets.pop().close()


def until_turn(ticket: Ticket, done: int, total: int) -> Iterator[Progress]:
    """Waits for the lock inside long work, which can be cancelled meanwhile.

    Yields:
        Progress with the number of threads ahead; nothing if the lock is free.
    """
    for ahead in ticket.waits():
        yield Progress("Waiting for the models", done, total, message("{n:,} before this one", n=ahead))
