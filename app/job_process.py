"""Long jobs run in a process of their own, so that questions asked meanwhile are answered undisturbed.

    work = in_process(Task(ws.path, settings, pipeline.cluster, {"config": config}), models.lock)
    job = Job("Cutting cells", work.steps, work.cancel)

    the app, which answers                        the job: python -m app build-job
    Task            -- stdin ------------------>  calls the builder
    Progress        <------------------ stdout --  one per step, then how it ended
    "stop", "turn"  -- stdin ------------------>  end of file: the app has ended, and so does the job

A job runs at low priority (``app.cli.priority``), set before torch is loaded. A job that measures answers runs at
normal priority and takes turns with the questions, in the one queue of the app. Both ends run the same code of the same
user, so they exchange pickles.
"""

from __future__ import annotations

import inspect
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any

from core.errors import TesseraError
from core.fair_lock import FairLock, Ticket, until_turn
from core.jobs import JobCancelled, JobFailed, Progress, Work, failure
from core.messages import message
from core.settings import ROOT, Settings
from core.workspace import Workspace

BUILD, TIMED = "build-job", "timed-job"
"""Commands that run a ``Task``: at low priority, or taking turns with questions."""
_STOP, _TURN = "stop", "turn"
_STEP, _WANTED, _OVER, _FAILED, _CANCELLED, _DONE = "step", "turn wanted", "turn over", "failed", "cancelled", "done"


@dataclass(frozen=True)
class Task:
    """The work of a job.

    Attributes:
        make: A builder. Of ``ws``, ``models``, ``settings`` and ``resources`` it gets those that it takes and that
            are not in ``given``.
        given: Its other arguments, by name.
        timed: Whether it measures how long answers take.
    """

    workspace: Path
    settings: Settings
    make: Callable[..., Work]
    given: Mapping[str, Any] = field(default_factory=dict)
    timed: bool = False

    @property
    def lacking(self) -> frozenset[str]:
        """Names of the arguments that the builder takes beside those given."""
        return frozenset(inspect.signature(self.make).parameters) - self.given.keys()

    def begin(self, available: Mapping[str, Any]) -> Work:
        """Calls the builder with what it lacks."""
        return self.make(**{name: available[name] for name in self.lacking & available.keys()}, **self.given)


class ProcessWork:
    """A task at work in a process of its own, seen from the app.

    Args:
        turns: Where it queues for its turns, if it is timed.
    """

    def __init__(self, task: Task, turns: FairLock) -> None:
        self._task, self._turns = task, turns
        self._process: subprocess.Popen[bytes] | None = None
        self._begun = self._cancelled = False
        self._sending = threading.Lock()

    def cancel(self) -> None:
        """Asks it to stop after the current step; before its first step it is killed, since nothing can be lost."""
        self._cancelled = True
        self._say(_STOP)
        if self._process and not self._begun:
            self._process.kill()

    def steps(self) -> Work:
        """Starts the process and passes its steps on; closing this stops it after the step it is in.

        Raises:
            JobFailed: It failed, with its error.
            JobCancelled: It was cancelled.
            TesseraError: Its process ended without reporting.
        """
        process = _start(self._task)
        try:
            with self._sending:
                self._process = process
                _send(self._task, process)
            yield from self._relayed(process)
        finally:
            self.cancel()
            for _ in _events(process):
                pass
            with self._sending:
                for pipe in (process.stdin, process.stdout):
                    if pipe:
                        with suppress(OSError):  # unsent bytes to a process that has ended
                            pipe.close()
            process.wait()

    def _relayed(self, process: subprocess.Popen[bytes]) -> Iterator[Progress]:
        done = total = 0
        with ExitStack() as turn:
            for kind, value in _events(process):
                if kind == _STEP:
                    self._begun = True
                    done, total = value.done, value.total
                    yield value
                elif kind == _WANTED:
                    yield from until_turn(turn.enter_context(self._turns.ticket()), done, total)
                    self._say(_TURN)
                elif kind == _OVER:
                    turn.close()
                elif kind == _DONE:
                    return
                elif kind == _CANCELLED:
                    raise JobCancelled
                else:
                    raise JobFailed(*value)
        if self._cancelled:
            raise JobCancelled
        raise TesseraError(
            message("The process that worked on this was ended (code {code}).", code=process.wait()),
            "Start it again: caches, trainings and evaluations go on where they were. If it ends again, this machine "
            "may have too little memory for it.",
        )

    def _say(self, word: str) -> None:
        with self._sending:
            if self._process:
                _send(word, self._process)


def _start(task: Task) -> subprocess.Popen[bytes]:
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return subprocess.Popen(
        [sys.executable, "-m", "app", TIMED if task.timed else BUILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
    )


def _send(word: object, process: subprocess.Popen[bytes]) -> None:
    with suppress(OSError, ValueError):  # that the process has ended is noticed when reading
        if process.stdin:
            pickle.dump(word, process.stdin)
            process.stdin.flush()


def _events(process: subprocess.Popen[bytes]) -> Iterator[tuple[str, Any]]:
    """The messages of the process, until it has ended."""
    with suppress(EOFError, pickle.UnpicklingError):
        while process.stdout:
            yield pickle.load(process.stdout)


def serve() -> None:
    """Runs the task that comes in at stdin; what it prints goes to stderr, as it comes from libraries."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal ends the app, and that ends this process
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # for processes that the builder starts
    os.dup2(2, 1)
    app = _App(requests, replies)
    try:
        task: Task = pickle.load(requests)
        threading.Thread(target=app.listen, daemon=True).start()
        _work(task, app)
        end: tuple[str, Any] = (_DONE, None)
    except JobCancelled:
        end = (_CANCELLED, None)
    except Exception as error:  # the process's boundary: a bug must be shown, not vanish with the process
        end = (_FAILED, failure(error))
    app.tell(*end)


def _work(task: Task, app: _App) -> None:
    available: dict[str, Any] = {"ws": Workspace(task.workspace), "settings": task.settings}
    if task.lacking & {"models", "resources"}:
        available |= _with_models(task, app)
    with closing(task.begin(available)) as work:
        for step in work:
            app.tell(_STEP, step)
            if app.stopped.is_set():
                raise JobCancelled


def _with_models(task: Task, app: _App) -> dict[str, Any]:
    # Importing them takes seconds, which a builder without models need not wait for.
    from core.methods.resources import Resources
    from core.models.registry import Models

    models = Models(task.settings)
    if task.timed:
        models.lock = _SharedTurns(app)
    return {"models": models, "resources": Resources(Workspace(task.workspace), models, task.settings)}


class _App:
    """The app, seen from the process of a job."""

    def __init__(self, requests: IO[bytes], replies: IO[bytes]) -> None:
        self._requests, self._replies = requests, replies
        self._sending = threading.Lock()
        self._words: SimpleQueue[str] = SimpleQueue()
        self.stopped = threading.Event()

    def listen(self) -> None:
        """Receives the app's messages; ends this process when the app ends: a build that is killed loses nothing."""
        with suppress(EOFError, pickle.UnpicklingError, OSError):
            while True:
                word = pickle.load(self._requests)
                if word == _STOP:
                    self.stopped.set()
                self._words.put(word)
        os._exit(1)

    def tell(self, kind: str, value: Any = None) -> None:
        with self._sending:
            pickle.dump((kind, value), self._replies)
            self._replies.flush()

    def await_turn(self) -> None:
        """Waits for this process's turn in the queue of the app.

        Raises:
            JobCancelled: It was cancelled meanwhile.
        """
        self.tell(_WANTED)
        if self._words.get() == _STOP:
            raise JobCancelled


class _SharedTurns(FairLock):
    """The queue of the app, in which this process is one of those that wait."""

    def __init__(self, app: _App) -> None:
        super().__init__()
        self._app, self._ours = app, False

    def await_turn(self, ticket: Ticket, timeout: float | None) -> bool:
        """Waits for the turn within this process, and then, without a time limit, for the turn of this process."""
        if not super().await_turn(ticket, timeout):
            return False
        if not self._ours:  # only the thread whose turn it is comes here
            self._app.await_turn()
            self._ours = True
        return True

    def leave(self, ticket: Ticket) -> None:
        """Gives the turn back to the app with the last ticket of the thread that has it."""
        with self._changed:
            tickets = [other for other in self._queue if other.thread is ticket.thread]
            if self._ours and tickets == [ticket] and self._queue[0] is ticket:
                self._ours = False
                self._app.tell(_OVER)
        super().leave(ticket)
