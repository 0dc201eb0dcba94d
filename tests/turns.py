"""Somebody else who has the models."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE_S = 60


@contextmanager
def taken(lock) -> Iterator[Callable[[], None]]:
    """Another thread has the lock, and gives it back at the end or when what this yields is called."""
    entered, release = threading.Event(), threading.Event()

    def hold():
        with lock:
            entered.set()
            release.wait(PATIENCE_S)

    other = threading.Thread(target=hold, daemon=True)
    other.start()
    assert entered.wait(PATIENCE_S)
    try:
        yield release.set
    finally:
        release.set()
        other.join()


def queued(lock):
    """Number of threads that have a lock or wait for it."""
    with lock._changed:
        return len({ticket.thread for ticket in lock._queue})
