"""The comparison engine: opens methods, warms them up, keeps them open, and runs them one after another.

    methods = OpenMethods()
    run = Run(Choices("sample", "Who invented the drum lens?", ("rag", "cag"), reader=True, top_k=3))
    resources = Resources(ws, models, run.choices.applied_to(settings))
    with closing(answer_each(run, methods.opener(resources), models.lock)) as events:
        for name, event in events:
            ...                              # display it; closing stops the method that is running
    run.answers["rag"].text                  # the result; also run.failures, run.drafts

Used by all fronts: Streamlit, Gradio and the command line.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Hashable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Literal
from uuid import uuid4

from pydantic import Field

from core.artefacts import DEFAULT_STORE, index_kind, with_sources
from core.corpus.types import Question
from core.errors import TesseraError
from core.fair_lock import FairLock, Ticket
from core.methods import registry
from core.methods.base import Answer, Event, Finished, Method, Text, answer
from core.methods.resources import Resources
from core.methods.script_warnings import script_warnings
from core.models.cpu_load import OtherLoad
from core.models.device import trim
from core.models.server import encoder_name
from core.settings import Settings
from core.trace import Trace, timed
from core.units import timestamp

_WARM_UP = "What is this about?"
_MOST_OPEN = 12
"""Methods that are kept open at once."""
_DISTURBED = 0.5
"""Cores that other programs may keep from a method before its clocks are said to be disturbed."""
Status = Literal["queued", "running", "done", "stopped"]


@dataclass(frozen=True)
class Choices:
    """The user's choices for a run; everything that a shared link restores.

    Attributes:
        methods: In the order in which they run.
        top_k: Passages that RAG puts in the prompt.
        memory_order: What LLM-as-Memory writes first; empty for what the settings of the process say.
        reading: How several passages are read; empty for the same.
    """

    workspace: str
    question: str
    methods: tuple[str, ...]
    reader: bool
    top_k: int
    store: str = DEFAULT_STORE
    memory_order: str = ""
    reading: str = ""

    def applied_to(self, settings: Settings) -> Settings:
        """The settings to answer with: those of the process, with what was chosen here."""
        return replace(
            settings,
            reader=self.reader,
            top_k=self.top_k,
            store=self.store,
            memory_order=self.memory_order or settings.memory_order,
            reading=self.reading or settings.reading,
        )


@dataclass(frozen=True)
class RunContext:
    """The models and machine of a run; shown with its numbers."""

    model: str
    reader: bool
    encoder: str
    device: str
    dtype: str


@dataclass
class Run:
    """One question and its answers so far.

    Attributes:
        gold: The corpus' own question with its gold answers, if it is one.
        answers: Finished answers by method.
        failures: Error and remedy by method.
        drafts: Partial answers of methods that were stopped.
        context: What it was measured on; None before it runs.
        repeats: Traces of repeated measurements, by method.
        pinned: Whether it stays in the history.
        warnings: Warnings about the script of the question; see ``script_warnings``.
        gold_cells: Cells of the gold passages, by passage.
        stamps: For each method, what arrived when: ms since the question, "evidence" or "answer", and the text.
        missing: For each method and measurement, the cores that other programs kept from it.
        served: Whether the model runs on a server, whose work would count as that of another program.
        id: Id of the run in its workspace and in links; see ``core.methods.saved_runs``.
        asked: Time of the question (UTC, ISO 8601 to the second).
    """

    choices: Choices
    gold: Question | None = None
    status: Status = "queued"
    answers: dict[str, Answer] = field(default_factory=dict)
    failures: dict[str, tuple[str, str]] = field(default_factory=dict)
    drafts: dict[str, str] = field(default_factory=dict)
    context: Annotated[RunContext | None, Field(alias="ground")] = None  # its name in saved runs
    repeats: dict[str, list[Trace]] = field(default_factory=dict)
    pinned: bool = False
    warnings: tuple[str, ...] = ()
    gold_cells: dict[str, int] = field(default_factory=dict)
    stamps: dict[str, list[tuple[float, str, str]]] = field(default_factory=dict)
    missing: dict[str, list[float]] = field(default_factory=dict)
    served: bool = False
    id: str = field(default_factory=lambda: uuid4().hex[:12])
    asked: str = field(default_factory=timestamp)

    def measured(self, name: str) -> Sequence[Trace]:
        """The measurements of a method that has answered: the repeats where there are any, else the one."""
        return self.repeats.get(name) or [self.answers[name].trace]

    def disturbed(self) -> float:
        """Cores that other programs kept from the method that lacked most; 0 if that is too little to matter."""
        most = max((median(cores) for cores in self.missing.values()), default=0.0)
        return most if most > _DISTURBED and not self.served else 0.0


def measured_on(resources: Resources) -> RunContext:
    """The conditions of a run's numbers; loads the language model if it runs here."""
    engine = resources.engine()
    return RunContext(
        model=engine.identity.name,
        reader=bool(engine.identity.adapter),
        encoder=encoder_name(resources.settings),
        device=engine.where,
        dtype=engine.identity.dtype,
    )


def describe_run(run: Run, resources: Resources) -> None:
    """Notes what the numbers of a run hold for, where its gold passages lie, and what its models do not know."""
    run.context, run.served = measured_on(resources), bool(resources.settings.engine_url)
    run.gold_cells = resources.cells_of(run.gold.passage_ids if run.gold else ())
    encoder = resources.models.encoder() if any(map(_encodes, run.choices.methods)) else None
    prompt = None if resources.settings.engine_url else resources.models.prompt()
    run.warnings = script_warnings(run.choices.question, encoder, prompt, resources.settings.model)


def _encodes(method: str) -> bool:
    """Whether a method encodes the question."""
    kinds = with_sources(registry.METHODS[method].reads)
    return any(kind in ("index", "partition", index_kind("redis-flat")) for kind in kinds)


@dataclass(frozen=True)
class Waiting:
    """The run waits for other answers or builds."""

    ahead: int = 1


@dataclass(frozen=True)
class Opening:
    """The method loads what it needs; this is not timed."""


@dataclass(frozen=True)
class Failed:
    """The method could not answer.

    Attributes:
        error: The error itself, from which a front can derive the command or page that helps.
    """

    what: str
    remedy: str
    error: TesseraError | None = field(default=None, compare=False)


RunEvent = Event | Waiting | Opening | Failed


def answer_each(
    run: Run, open_method: Callable[[str], Method], lock: FairLock
) -> Generator[tuple[str, RunEvent], None, None]:
    """Runs the methods of a run one after another and stores the results in ``run``.

    Args:
        run: Its answers, failures and drafts are filled in during the run.
        open_method: Opens a method by name; raises a TesseraError if it cannot.
        lock: Held during the whole run, so that no two answers compete for the device and runs finish in order.

    Yields:
        The method's name and an event.
    """
    run.status = "running"
    with lock.ticket() as ticket:
        yield from _wait(run, ticket)
        for name in run.choices.methods:
            yield name, Opening()
            try:
                yield from _answer(run, name, open_method(name))
            except TesseraError as error:
                yield name, _failed(run, name, error)
    run.status = "done"


def _wait(run: Run, ticket: Ticket) -> Iterator[tuple[str, Waiting]]:
    for ahead in ticket.waits():
        yield run.choices.methods[0], Waiting(ahead)


def _failed(run: Run, name: str, error: TesseraError) -> Failed:
    run.failures[name] = (error.what, error.remedy)
    return Failed(error.what, error.remedy, error)


def _answer(run: Run, name: str, method: Method) -> Generator[tuple[str, RunEvent], None, None]:
    draft, began, load = "", time.perf_counter(), OtherLoad()
    run.stamps[name] = stamps = []
    with closing(method.stream(run.choices.question)) as events:  # type: ignore[type-var]
        for event in events:
            if isinstance(event, Text):
                stamps.append((1000 * (time.perf_counter() - began), event.part, event.text))
            if isinstance(event, Text) and event.part == "answer":
                draft += event.text
                run.drafts[name] = draft
            elif isinstance(event, Finished):
                run.answers[name] = event.answer
                run.missing[name] = [load.missing()]
                run.drafts.pop(name, None)
            yield name, event
    trim()


def warm_up(method: Method) -> None:
    """Answers a dummy question up to the first token, so that later measurements do not include lazy loading.

    A method that needs gold passages cannot answer it and is left cold.
    """
    spec = registry.METHODS.get(method.name)
    if spec and spec.asks_gold:
        return
    with closing(method.stream(_WARM_UP)) as events:  # type: ignore[type-var]
        for event in events:
            if isinstance(event, Text | Finished):
                break
    trim()


def open_for_measuring(name: str, resources: Resources, question: str) -> tuple[Method, float]:
    """Opens a method for an evaluation; returns it with the seconds that opening took.

    Args:
        question: A question answered as warm-up, not timed; empty for none.

    Raises:
        TesseraError: There is no method of that name, or what it needs is missing or stale.
    """
    method, opening_ms = timed(lambda: registry.open_method(name, resources))
    if question:
        answer(method, question)
    return method, opening_ms / 1000


class OpenMethods:
    """An LRU cache of open methods, warmed up and kept open between questions.

    Open and run them under ``Models.lock``.
    """

    def __init__(self) -> None:
        self._methods: OrderedDict[Hashable, tuple[Path, Method]] = OrderedDict()

    def open(self, name: str, resources: Resources, **options: Any) -> Method:
        """A warmed-up method; reuses one that is open if nothing it depends on has changed.

        Args:
            options: Further arguments of its class.

        Raises:
            TesseraError: There is no method of that name, or what it needs is missing or stale.
        """
        key = _key(name, resources, options)
        if key not in self._methods:
            spec = registry.find_method(name).on(resources.settings)
            method = spec.open(resources, **options)
            warm_up(method)
            key = _key(name, resources, options)  # recomputed, because opening a method may build an artefact
            self._methods[key] = resources.workspace.path, method
            while len(self._methods) > _MOST_OPEN:
                self._methods.popitem(last=False)
        self._methods.move_to_end(key)
        return self._methods[key][1]

    def opener(self, resources: Resources, **options: Any) -> Callable[[str], Method]:
        """A function that opens a method by name, for ``answer_each`` and ``core.methods.repeat``."""
        return lambda name: self.open(name, resources, **options)

    def opened(self, workspace: Path | None = None) -> list[Method]:
        """The open methods of one workspace, or all."""
        return [method for path, method in tuple(self._methods.values()) if workspace in (None, path)]

    def close(self) -> None:
        """Drops all methods and frees their memory."""
        self._methods.clear()


def _key(name: str, resources: Resources, options: Mapping[str, Any]) -> Hashable:
    """Everything an open method depends on; when it changes, the method is opened again.

    The build time of an artefact is part of it, because a rebuilt artefact must be opened again.

    Raises:
        TesseraError: There is no method of that name, or what it needs is missing or stale.
    """
    ws, settings = resources.workspace, resources.settings
    spec = registry.find_method(name).on(settings)
    built = []
    for kind in (*spec.needs, *spec.makes):
        kind = index_kind(settings.store) if kind == "index" else kind
        if kind not in spec.makes:
            ws.require(kind)
        manifest = ws.manifest(kind)
        built.append((kind, manifest.fingerprint, manifest.created) if manifest else (kind, "", ""))
    return ws.path, name, settings, resources.questions, tuple(sorted(options.items())), tuple(built)
