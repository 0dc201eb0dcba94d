"""Long-running work: generators of ``Progress``, run in the foreground by the CLI or in a ``Job`` thread by the app.

Every builder in core is a generator function that yields a ``Progress`` after each unit of work. Its caller can stop it
between two units by closing the generator; what is finished by then is kept.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar

from core.errors import TesseraError, WorkspaceBusy
from core.messages import message


@dataclass(frozen=True)
class Progress:
    """One step of long work.

    Attributes:
        stage: Display name of the stage ("Embedding passages").
        done: Number of finished units of this stage.
        total: Number of units of this stage, or 0 if unknown.
        note: A short remark on the step ("cell 7, 1,204 tokens").
        data: Figures for live plots, such as ``{"loss": 1.3}``.
    """

    stage: str
    done: int
    total: int
    note: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


_MAX_REPORTS = 20
Work = Generator[Progress, None, None]
"""What a builder returns."""
Step = TypeVar("Step")
Changed = TypeVar("Changed")
Result = TypeVar("Result")


def finish(work: Generator[Any, None, Result]) -> Result:
    """Runs a generator to its end, whatever it yields; returns its result."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: Result = end.value
            return result


def mapped(
    work: Generator[Step, None, Result],
    change: Callable[[Step], Changed],
    around: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Generator[Changed, None, Result]:
    """Forwards the steps of a generator, each changed; closes it when closed itself, and returns its result.

    Args:
        around: Made anew for every step, and open while this generator is suspended at it.
    """
    with closing(work):
        while True:
            try:
                step = next(work)
            except StopIteration as end:
                result: Result = end.value
                return result
            changed = change(step)
            with around():
                yield changed


class WorkClock:
    """Measures the working time of a builder, without the time its generator is suspended at a ``yield``.

    Args:
        earlier_s: Seconds of work before a resumption.
    """

    def __init__(self, earlier_s: float = 0.0) -> None:
        self._began = time.perf_counter() - earlier_s

    @property
    def seconds(self) -> float:
        """Seconds of work so far."""
        return time.perf_counter() - self._began

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stops the clock during the body; put it around a ``yield``."""
        stopped = time.perf_counter()
        try:
            yield
        finally:
            self._began += time.perf_counter() - stopped

    def over(self, work: Generator[Step, None, Result]) -> Generator[Step, None, Result]:
        """Forwards the steps of a builder and pauses the clock at each; returns the builder's result."""
        return mapped(work, lambda step: step, self.paused)


class JobCancelled(Exception):
    """Work that was cancelled where it is done, in another process."""


class JobFailed(Exception):
    """Work that failed where it is done, in another process.

    Attributes:
        error: What happened and what to do, for people.
        details: Traceback of a bug.
    """

    def __init__(self, error: str, details: str) -> None:
        super().__init__(error)
        self.error, self.details = error, details


def failure(error: Exception) -> tuple[str, str]:
    """What to say about an error that ended a job, and the traceback if it is a bug."""
    if isinstance(error, JobFailed):
        return error.error, error.details
    if isinstance(error, TesseraError):
        return error.message, ""
    what = message("This is a bug in Tessera: {kind}: {error}", kind=type(error).__name__, error=str(error))
    return what, "".join(traceback.format_exception(error))


class JobState(str, Enum):
    """Life of a job."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Report:
    """A consistent snapshot of a job.

    Attributes:
        name: Display name of what the job builds.
        progress: Latest step, or None before the first.
        remaining_s: Estimated seconds to the end of this stage; None if unknown.
        error: Error message; empty unless the job failed.
        details: Traceback of a bug; empty for errors with a remedy.
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
    """Runs a builder in its own thread; reports its progress and can cancel it.

    Args:
        name: Display name of what it builds.
        make: Called in the thread; returns the builder's generator.
        cancel: Called at a cancellation, for builders whose work is done in another process.
    """

    def __init__(self, name: str, make: Callable[[], Work], cancel: Callable[[], None] = lambda: None) -> None:
        self.name = name
        self._make = make
        self._cancel = cancel
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
        """Starts the thread; returns the job itself."""
        self._thread.start()
        return self

    def cancel(self) -> None:
        """Stops the job after the current step."""
        self._stop.set()
        self._cancel()

    def join(self, timeout: float | None = None) -> None:
        """Waits for the end."""
        self._thread.join(timeout)

    def report(self) -> Report:
        """The current state of the job."""
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
        except JobCancelled:
            state = JobState.CANCELLED
        except Exception as error:  # the thread's boundary: a bug must be shown, not vanish with the thread
            state, (self._error, self._details) = JobState.FAILED, failure(error)
        with self._lock:
            self._state = state
            self._ended = time.monotonic()


class Pace:
    """Estimates the remaining time of a stage from the time of its finished units."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self._stage = ""
        self._stage_began = self.began
        self._first_done = 0

    def step(self, progress: Progress) -> None:
        """Records one step."""
        if progress.stage != self._stage:
            self._stage = progress.stage
            self._stage_began = time.monotonic()
            self._first_done = progress.done

    def elapsed(self, until: float | None = None) -> float:
        """Seconds from the start to ``until`` (monotonic seconds) or now."""
        return (time.monotonic() if until is None else until) - self.began

    def remaining(self, progress: Progress | None) -> float | None:
        """Estimated seconds to the end of the current stage; None if there is nothing to estimate from."""
        if progress is None or not progress.total or progress.done <= self._first_done:
            return None
        seconds_per_unit = (time.monotonic() - self._stage_began) / (progress.done - self._first_done)
        return seconds_per_unit * (progress.total - progress.done)


class JobBoard:
    """The jobs of this process: per key (a workspace), at most one that is running, or the last one for its report."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._begun: deque[tuple[str, Job]] = deque(maxlen=_MAX_REPORTS)
        self._lock = threading.Lock()

    def start(self, key: str, job: Job) -> Job:
        """Starts a job under ``key``.

        Raises:
            WorkspaceBusy: A job with that key is still running.
        """
        with self._lock:
            current = self._jobs.get(key)
            if current and current.report().state is JobState.RUNNING:
                raise WorkspaceBusy(
                    message("'{name}' is still running in this workspace.", name=message(current.name)),
                    "Wait for it to end, or cancel it.",
                )
            self._jobs[key] = job
            self._begun.append((key, job))
            return job.start()

    def latest(self, key: str) -> Job | None:
        """The running or last job for ``key``."""
        with self._lock:
            return self._jobs.get(key)

    def ended(self, key: str) -> list[Report]:
        """How the jobs of ``key`` that have ended went, latest first."""
        with self._lock:
            reports = [job.report() for owner, job in reversed(self._begun) if owner == key]
        return [report for report in reports if report.state is not JobState.RUNNING]

    def clear(self, key: str) -> None:
        """Forgets the finished job for ``key``; a running one stays."""
        with self._lock:
            job = self._jobs.get(key)
            if job and job.report().state is not JobState.RUNNING:
                del self._jobs[key]
