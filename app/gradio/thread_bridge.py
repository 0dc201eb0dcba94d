"""A generator run in a thread of its own, its items handed over one by one.

Gradio steps a generator from whichever pool thread is free, and closes it from another. The lock of the models belongs
to the thread that took it, so the work stays in one thread from beginning to end.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

from core.errors import TesseraError

Item = TypeVar("Item")
_QUEUE_SIZE = 64
_POLL_S = 0.2
CLOSING, AGAIN = "The front is being closed.", "Ask again when it runs."


@dataclass(frozen=True)
class _Ended:
    error: BaseException | None = None


def relay(make: Callable[[], Generator[Item, None, None]], stop: threading.Event) -> Generator[Item, None, None]:
    """Yields the items of a generator that runs in a thread of its own, and closes it there when this one is closed.

    Args:
        make: Called in the new thread; returns the generator.
        stop: Set when this one is closed; setting it from elsewhere ends both.

    Raises:
        BaseException: Whatever the generator raised.
        TesseraError: It was stopped from elsewhere.
    """
    items: queue.Queue[Item | _Ended] = queue.Queue(_QUEUE_SIZE)
    threading.Thread(target=_work, args=(make, items, stop), name="gradio answer", daemon=True).start()
    try:
        while not isinstance(item := _next(items, stop), _Ended):
            yield item
        if item.error:
            raise item.error
    finally:
        stop.set()


def _next(items: queue.Queue[Item | _Ended], stop: threading.Event) -> Item | _Ended:
    while True:
        try:
            return items.get(timeout=_POLL_S)
        except queue.Empty:
            if stop.is_set():
                raise TesseraError(CLOSING, AGAIN) from None


def _work(make: Callable[[], Generator[Item, None, None]], items: queue.Queue, stop: threading.Event) -> None:
    error: BaseException | None = None
    try:
        with closing(make()) as work:
            for item in work:
                if not _put(items, item, stop):
                    break
    except Exception as raised:  # noqa: BLE001 - the thread's boundary: the error is raised where the items are read
        error = raised
    _put(items, _Ended(error), stop)


def _put(items: queue.Queue, item: object, stop: threading.Event) -> bool:
    """Waits for room in the queue; False once the reader has gone."""
    while not stop.is_set():
        try:
            items.put(item, timeout=_POLL_S)
            return True
        except queue.Full:
            continue
    return False
