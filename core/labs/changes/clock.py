"""The clock of one method: it runs while the method works, and stops between two steps of its generator.

So neither drawing between steps nor waiting for the model counts. A stage ends when the device has finished its queued
work.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from core.jobs import Work
from core.labs.changes.results import Stage


class Clock:
    """Stages of work, one behind the other.

    Args:
        lock: Held while the clock runs: two that compute at once would disturb each other.
        synchronise: Waits until the device has finished its queued work.
    """

    def __init__(
        self,
        lock: AbstractContextManager[object],
        synchronise: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._lock, self._synchronise, self._clock = lock, synchronise, clock
        self._stages: list[Stage] = []

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages so far."""
        return tuple(self._stages)

    @property
    def now_ms(self) -> float:
        """Milliseconds of work so far."""
        return self._stages[-1].end_ms if self._stages else 0.0

    @contextmanager
    def stage(self, name: str, note: str = "") -> Iterator[None]:
        """Times the body; a stage that goes on with the one before it is added to it, under the later note."""
        with self._lock:
            self._synchronise()
            began = self._clock()
            try:
                yield
            finally:
                self._synchronise()
                self._add(name, (self._clock() - began) * 1000.0, note)

    def driving(self, work: Work, name_of: Callable[[str], str]) -> Work:
        """Passes the steps of ``work`` through and times each, under a name made of the step's own stage.

        Closing it closes ``work``.
        """
        name = note = ""
        try:
            while True:
                with self._lock:
                    self._synchronise()
                    began = self._clock()
                    step = next(work, None)
                    self._synchronise()
                    ms = (self._clock() - began) * 1000.0
                if step is not None:
                    name, note = name_of(step.stage), step.note
                self._add(name or name_of(""), ms, note)  # what comes after the last step belongs to it
                if step is None:
                    return
                yield step
        finally:
            work.close()

    def _add(self, name: str, ms: float, note: str) -> None:
        last = self._stages[-1] if self._stages else None
        if last is not None and last.name == name:
            self._stages[-1] = Stage(name, last.start_ms, last.ms + ms, note)
        else:
            self._stages.append(Stage(name, self.now_ms, ms, note))
