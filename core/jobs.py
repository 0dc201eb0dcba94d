"""Long work: generators of ``Progress``, run in the foreground by the CLI or in a ``Job`` thread by the app.

Every builder in core is a generator function that yields a ``Progress`` after each unit of work. Whoever drives it
can stop between two units by closing it; the builder then leaves behind what it had finished.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from core.errors import TesseraError, WorkspaceBusy
from core.said import said


@dataclass(frozen=True)
class Progress:
    """One step of long work.

    Attributes:
        stage: What is being done, in words for a person ("Embedding passages").
        done: Units finished in this stage.
        total: Units of this stage, or 0 when unknown.
        note: A short remark on the step ("cell 7, 1,204 tokens").
        data: Plain figures for live plots, such as ``{"loss": 1.3}``.
    """

    stage: str
    done: int
    total: int
    note: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


Work = Generator[Progress, None, None]
"""What a builder returns."""


class JobState(str, Enum):
    """Life of a job."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Report:
    """A consistent view of a job at one moment.

    Attributes:
        name: What the job builds, in words.
        state: Where it stands.
        progress: Latest step, or None before the first.
        elapsed_s: Seconds since it began.
        remaining_s: Seconds to the end of this stage at the pace so far; None when unknown.
        error: What went wrong, for a person; empty unless the job failed.
        details: Traceback of a bug; empty for errors that carry a remedy.
        history: ``data`` of all steps that had any, oldest first.
    """

    name: str
    state: JobState
    progress: Progress | None
    elapsed_s: float
    remaining_s: float | None
    error: str
    details: str
    history: tuple[Mapping[str, Any], ...]


class Job:
    """Runs a builder in a thread of its own and can be asked how it is doing, or to stop.

    Args:
        name: What it builds, in words.
        make: Called in the thread; returns the builder's generator.
    """

    def __init__(self, name: str, make: Callable[[], Work]) -> None:
        self.name = name
        self._make = make
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._state = JobState.RUNNING
        self._progress: Progress | None = None
        self._history: list[Mapping[str, Any]] = []
        self._error = ""
        self._details = ""
        self._pace = Pace()
        self._ended: float | None = None
        self._thread = threading.Thread(target=self._run, name=f"job {name}", daemon=True)

    def start(self) -> Job:
        """Begins; returns the job itself."""
        self._thread.start()
        return self

    def cancel(self) -> None:
        """Asks it to stop after the step it is in."""
        self._stop.set()

    def join(self, timeout: float | None = None) -> None:
        """Waits for the end."""
        self._thread.join(timeout)

    def report(self) -> Report:
        """How it stands now."""
        with self._lock:
            ended = self._ended
            return Report(
                name=self.name,
                state=self._state,
                progress=self._progress,
                elapsed_s=self._pace.elapsed(ended),
                remaining_s=self._pace.remaining(self._progress) if ended is None else None,
                error=self._error,
                details=self._details,
                history=tuple(self._history),
            )

    def _run(self) -> None:
        state = JobState.DONE
        try:
            work = self._make()
            for progress in work:
                with self._lock:
                    self._pace.step(progress)
                    self._progress = progress
                    if progress.data:
                        self._history.append(progress.data)
                if self._stop.is_set():
                    work.close()
                    state = JobState.CANCELLED
                    break
        except TesseraError as error:
            state, self._error = JobState.FAILED, error.told
        except Exception as error:  # the thread's boundary: a bug must reach the person, not vanish with the thread
            state = JobState.FAILED
            self._error = said("This is a bug in Tessera: {kind}: {error}", kind=type(error).__name__, error=str(error))
            self._details = traceback.format_exc()
        with self._lock:
            self._state = state
            self._ended = time.monotonic()


class Pace:
    """Estimates the rest of a stage from the time its finished units took."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self._stage = ""
        self._stage_began = self.began
        self._first_done = 0

    def step(self, progress: Progress) -> None:
        """Takes note of one step."""
        if progress.stage != self._stage:
            self._stage = progress.stage
            self._stage_began = time.monotonic()
            self._first_done = progress.done

    def elapsed(self, until: float | None = None) -> float:
        """Seconds since the beginning, to ``until`` (monotonic seconds) or now."""
        return (time.monotonic() if until is None else until) - self.began

    def remaining(self, progress: Progress | None) -> float | None:
        """Seconds to the end of the current stage; None when there is nothing to judge by."""
        if progress is None or not progress.total or progress.done <= self._first_done:
            return None
        seconds_per_unit = (time.monotonic() - self._stage_began) / (progress.done - self._first_done)
        return seconds_per_unit * (progress.total - progress.done)


class JobBoard:
    """The jobs of this process: at most one running for a key (a workspace), the last one kept for its report."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def start(self, key: str, name: str, make: Callable[[], Work]) -> Job:
        """Starts a job under ``key``.

        Raises:
            WorkspaceBusy: A job of that key is still running.
        """
        with self._lock:
            current = self._jobs.get(key)
            if current and current.report().state is JobState.RUNNING:
                raise WorkspaceBusy(
                    said("'{name}' is still running in this workspace.", name=said(current.name)),
                    "Wait for it to end, or cancel it.",
                )
            self._jobs[key] = Job(name, make)
            return self._jobs[key].start()

    def latest(self, key: str) -> Job | None:
        """The running or last job of ``key``."""
        with self._lock:
            return self._jobs.get(key)

    def clear(self, key: str) -> None:
        """Forgets the finished job of ``key``; a running one stays."""
        with self._lock:
            job = self._jobs.get(key)
            if job and job.report().state is not JobState.RUNNING:
                del self._jobs[key]
