"""One question, several arms, one after another: what is asked, what came back, and what went wrong.

``answer_in_turn`` knows no Streamlit: it yields what happens, and whoever draws it may close it at any moment.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Literal

from core.corpus.types import Question
from core.errors import TesseraError
from core.methods import registry
from core.methods.base import Answer, Event, Finished, Method, Text
from core.settings import DEFAULT_STORE
from core.trace import Trace
from core.turns import Ticket, Turns

_WARM_UP = "What is this about?"
Status = Literal["queued", "running", "done", "stopped"]


@dataclass(frozen=True)
class Choices:
    """Everything that a link restores.

    Attributes:
        workspace: Name of the workspace.
        question: What is asked.
        methods: Arms in the order in which they run.
        reader: Whether the model reads with its reader adapter.
        top_k: Passages that RAG puts in the prompt.
        store: Where RAG searches.
        race: Whether the arms answer side by side, sharing the device: a show, not a measurement.
    """

    workspace: str
    question: str
    methods: tuple[str, ...]
    reader: bool
    top_k: int
    store: str = DEFAULT_STORE
    race: bool = False


@dataclass(frozen=True)
class Ground:
    """What the numbers were measured on; stands beside every one of them."""

    model: str
    reader: bool
    encoder: str
    device: str
    dtype: str


@dataclass
class Run:
    """One question under way or answered, kept in the session.

    Attributes:
        choices: What was asked, of whom, how.
        gold: The question as the corpus has it, when it is one of its own.
        status: queued, running, done or stopped.
        answers: Finished answers by arm.
        failures: What went wrong and what to do, by arm.
        drafts: Text so far of an arm that was stopped, by arm.
        ground: What it ran on; None until it ran.
        repeats: Traces of further measurements, by arm.
        pinned: Whether it stays in the history.
        asked: UTC time, ISO 8601 to the second.
    """

    choices: Choices
    gold: Question | None = None
    status: Status = "queued"
    answers: dict[str, Answer] = field(default_factory=dict)
    failures: dict[str, tuple[str, str]] = field(default_factory=dict)
    drafts: dict[str, str] = field(default_factory=dict)
    ground: Ground | None = None
    repeats: dict[str, list[Trace]] = field(default_factory=dict)
    pinned: bool = False
    asked: str = field(default_factory=lambda: datetime.now(timezone.utc).isoformat(timespec="seconds"))


@dataclass(frozen=True)
class Waiting:
    """Other answers or builds come first.

    Attributes:
        ahead: How many.
    """

    ahead: int = 1


@dataclass(frozen=True)
class Opening:
    """The arm loads what it needs; no clock is running."""


@dataclass(frozen=True)
class Failed:
    """The arm could not answer."""

    what: str
    remedy: str


Happening = Event | Waiting | Opening | Failed


def answer_in_turn(
    run: Run, open_arm: Callable[[str], Method], lock: Turns
) -> Generator[tuple[str, Happening], None, None]:
    """Asks every arm of a run, one after another, and keeps what comes back in ``run``.

    Args:
        run: Its answers, failures and drafts are filled in as they come.
        open_arm: Opens a method by name; raises a TesseraError when it cannot.
        lock: Held from the first arm to the last, so that no two answers share a clock and whoever came first is done
            first.

    Yields:
        The arm's name and what happened to it.
    """
    run.status = "running"
    with lock.ticket() as ticket:
        yield from _wait(run, ticket)
        for name in run.choices.methods:
            yield name, Opening()
            try:
                yield from _answer(run, name, open_arm(name))
            except TesseraError as error:
                yield name, _failed(run, name, error)
    run.status = "done"


def answer_together(
    run: Run, open_arm: Callable[[str], Method], lock: Turns
) -> Generator[tuple[str, Happening], None, None]:
    """A race: all arms of a run under way at once, a step each in turn. Their clocks count each other's steps.

    Args:
        run: Its answers, failures and drafts are filled in as they come; answers in the order of finishing.
        open_arm: Opens a method by name; raises a TesseraError when it cannot.
        lock: Held to the end.

    Yields:
        The arm's name and what happened to it.
    """
    run.status = "running"
    lanes: dict[str, Generator[tuple[str, Happening], None, None]] = {}
    with lock.ticket() as ticket, ExitStack() as opened:
        yield from _wait(run, ticket)
        for name in run.choices.methods:
            yield name, Opening()
            try:
                lanes[name] = opened.enter_context(closing(_answer(run, name, open_arm(name))))
            except TesseraError as error:
                yield name, _failed(run, name, error)
        while lanes:
            for name in tuple(lanes):
                try:
                    step = next(lanes[name], None)
                except TesseraError as error:
                    step = name, _failed(run, name, error)
                    del lanes[name]
                if step is None:
                    del lanes[name]
                else:
                    yield step
    run.status = "done"


def _wait(run: Run, ticket: Ticket) -> Iterator[tuple[str, Waiting]]:
    for ahead in ticket.looks():
        yield run.choices.methods[0], Waiting(ahead)


def _failed(run: Run, name: str, error: TesseraError) -> Failed:
    run.failures[name] = (error.what, error.remedy)
    return Failed(error.what, error.remedy)


def _answer(run: Run, name: str, method: Method) -> Generator[tuple[str, Happening], None, None]:
    said = ""
    with closing(method.stream(run.choices.question)) as events:  # type: ignore[type-var]
        for event in events:
            if isinstance(event, Text) and event.part == "answer":
                said += event.text
                run.drafts[name] = said
            elif isinstance(event, Finished):
                run.answers[name] = event.answer
                run.drafts.pop(name, None)
            yield name, event


def warm_up(method: Method) -> None:
    """Asks a throw-away question up to its first word: the clock shall show a loaded method, not its loading.

    An arm that must know the gold passages could not answer it, and stays as it is.
    """
    spec = registry.METHODS.get(method.name)
    if spec and spec.asks_gold:
        return
    with closing(method.stream(_WARM_UP)) as events:  # type: ignore[type-var]
        for event in events:
            if isinstance(event, Text | Finished):
                return
