"""What all commands share: options, the progress bar, errors as sentences, one JSON object on stdout."""

from __future__ import annotations

import json
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from typer.core import TyperCommand

from core.artefacts import INDEX_PREFIX, artefact
from core.errors import ArtefactStale, TesseraError
from core.jobs import Work
from core.normalise import comma_separated
from core.settings import Settings
from core.workspace import Workspace, existing_workspace, open_workspace

if TYPE_CHECKING:
    from core.methods.resources import Resources
    from core.workers import Workers

WorkspaceOption = Annotated[
    str, typer.Option("--workspace", "-w", help="Name under workspaces/, or a path.", show_default=True)
]
PlainOption = Annotated[bool, typer.Option("--plain", help="Without the reader adapter.")]
QuestionOption = Annotated[str, typer.Option("--text", "-t", help="The question.")]
QuestionsOption = Annotated[
    Path | None, typer.Option(help="A questions file (JSONL); without it, the corpus' own questions.")
]
SplitOption = Annotated[str, typer.Option(help="Which of the corpus' own questions: train, dev or test.")]
RayOption = Annotated[
    bool | None,
    typer.Option(
        "--ray/--no-ray",
        help="Compute on the Ray cluster of RAY_ADDRESS, or on a Ray that is started here. Default: where RAY_ADDRESS "
        "is set.",
        show_default=False,
    ),
]
MemoryOrderOption = Annotated[
    str | None,
    typer.Option(
        "--memory-order",
        help="What LLM-as-Memory writes first: answer, with the evidence after it, or evidence, from which it answers; "
        "auto, as the memory was made. Default: TESSERA_MEMORY_ORDER.",
    ),
]
ReadingOption = Annotated[
    str | None,
    typer.Option(
        "--reading",
        help="How several passages are read: alone, each with the question and the answer from one of them, or "
        "together in one prompt. Default: TESSERA_READING.",
    ),
]

COMMANDS = {
    "corpus": "prepare",
    "embeddings": "prepare",
    "index": "index",
    "partition": "cluster",
    "projection": "cluster",
    "caches": "cache --whole-cells",
    "blocks": "cache",
    "prefixes": "cache",
    "memory": "train",
}
"""The command that builds an artefact."""
SAMPLE = "sample"
"""The workspace without --workspace; it need not be there, since `sample` builds it."""
_JSON = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on stdout.")]
_command: ContextVar[tuple[str, bool]] = ContextVar("command", default=(SAMPLE, False))
"""Workspace of the command under way, and whether it reads with the plain model."""
_as_json: ContextVar[bool] = ContextVar("as_json", default=False)
console = Console()
aside = Console(stderr=True)
EXIT_FAILED = 1
EXIT_SOME_FAILED = 3
EXIT_INTERRUPTED = 130


def settings_and_workspace(name: str, plain: bool = False, new: bool = False) -> tuple[Settings, Workspace]:
    """Settings of the environment, and the workspace of that name.

    Args:
        plain: Whether the command reads without the reader adapter; remedies then build for the plain model.
        new: Whether the command makes the workspace where it is not there yet.

    Raises:
        TesseraError: There is no such workspace.
    """
    _command.set((name, plain))
    settings = Settings.from_environment()
    find = open_workspace if new or name == SAMPLE else existing_workspace
    return settings, find(name, settings.workspaces)


def command_for(kind: str, workspace: str) -> str:
    """The command that builds an artefact of a workspace."""
    store = kind.removeprefix(INDEX_PREFIX)
    command = f"index --store {store}" if store != kind else COMMANDS[kind]
    return command_line(command, workspace)


def command_line(command: str, workspace: str) -> str:
    """The command line of a command on a workspace."""
    return f"python -m app {command}" + ("" if workspace == SAMPLE else f" --workspace {shlex.quote(workspace)}")


def remedy_of(error: TesseraError) -> str:
    """The remedy of an error, with the command to type."""
    workspace, plain = _command.get()
    damaged = isinstance(error, ArtefactStale)
    commands = dict.fromkeys(
        command_for(kind, workspace)
        + (" --force" if damaged and kind.startswith("index") else "")
        + (" --plain" if plain and artefact(kind).varied else "")
        for kind in error.kinds
    )
    return f"{error.remedy} Run {', '.join(f'`{line}`' for line in commands)}." if commands else error.remedy


class MethodCommand(TyperCommand):
    """A command whose help ends with the methods that can be named."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Writes the methods beneath the options."""
        from core.methods.registry import METHODS

        self.epilog = "\n\n".join(f"{name}: {spec.label}. {spec.summary}" for name, spec in METHODS.items())
        super().format_help(ctx, formatter)


def open_resources(name: str, plain: bool = False, **changes: object) -> Resources:
    """The workspace of that name, models that load when they are first used, and settings.

    Args:
        plain: Without the reader adapter, whatever the environment says.
        changes: Settings that an option gave; None leaves what the environment says.
    """
    from core.methods.resources import Resources
    from core.models.registry import Models

    settings, ws = settings_and_workspace(name, plain)
    chosen = {name: value for name, value in changes.items() if value is not None}
    settings = replace(settings, **({"reader": False} if plain else {}), **chosen)  # type: ignore[arg-type]
    return Resources(ws, Models(settings), settings)


@contextmanager
def reporting(as_json: bool) -> Iterator[None]:
    """Turns a TesseraError into a sentence (or a JSON object) and exit code 1, Ctrl-C into 130."""
    _as_json.set(as_json)
    try:
        yield
    except TesseraError as error:
        if as_json:
            emit({"error": error.what, "remedy": remedy_of(error)})
        else:
            aside.print(f"[bold red]Error:[/] {_plain(error.what)}")
            if remedy := remedy_of(error):
                aside.print(f"[bold]What to do:[/] {_plain(remedy)}")
        raise typer.Exit(EXIT_FAILED) from None
    except KeyboardInterrupt:
        aside.print("Stopped. What was finished is kept; the same command goes on from there.")
        raise typer.Exit(EXIT_INTERRUPTED) from None


def reported(command: Callable[..., None], with_json: bool = True) -> Callable[..., None]:
    """A command whose errors are sentences (or JSON objects) and exit codes, see ``reporting``.

    Args:
        with_json: Whether it takes --json, for what it gives to ``deliver``.
    """

    @wraps(command)
    def run(as_json: bool = False, **options: Any) -> None:
        with reporting(as_json):
            command(**options)

    if with_json:
        option = Parameter("as_json", Parameter.KEYWORD_ONLY, default=False, annotation=_JSON)
        own_options = signature(command, eval_str=True).parameters.values()
        run.__signature__ = Signature([*own_options, option])  # type: ignore[attr-defined]
    return run


def wants_json() -> bool:
    """Whether the command under way was given --json."""
    return _as_json.get()


def deliver(result: dict[str, Any], show: Callable[[], None]) -> None:
    """Writes what a command found as one JSON object with --json, else shows it."""
    if wants_json():
        emit(result)
    else:
        show()


def drive(work: Work, on_step: Callable[[Any], None] = lambda step: None) -> dict[str, Any]:
    """Runs long work under a progress bar on stderr.

    Returns:
        The ``data`` of the last step that had any.
    """
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("[dim]{task.fields[note]}"),
    )
    last: dict[str, Any] = {}
    with Progress(*columns, console=aside) as bars:
        task, stage = None, ""
        for step in work:
            if task is None or step.stage != stage:
                task, stage = bars.add_task(step.stage, total=step.total or None, note=""), step.stage
            bars.update(task, completed=step.done, total=step.total or None, note=step.note)
            last = dict(step.data) or last
            on_step(step)
    return last


@contextmanager
def workers_for(ray: bool | None, settings: Settings) -> Iterator[Workers | None]:
    """The workers of a Ray cluster if they are wanted, else None; says at the end who computed how much.

    Args:
        ray: What was chosen; None for what the environment says.
    """
    if not (bool(settings.ray_address) if ray is None else ray):
        yield None
        return
    from core.distributed.workers import ray_workers

    with ray_workers(settings) as workers:
        began = time.perf_counter()
        yield workers
        seconds = time.perf_counter() - began
        for name, busy in sorted(workers.busy_s.items()):
            aside.print(f"{name}: {workers.done[name]:,} shards in {busy:,.1f} s", highlight=False)
        busiest = max(workers.busy_s.values(), default=0.0)
        aside.print(f"Of {seconds:,.1f} s, {seconds - busiest:,.1f} s were not in parallel.", highlight=False)


def whole_numbers(option: str, text: str, example: str) -> tuple[int, ...]:
    """The numbers of an option that takes several, with commas between them.

    Raises:
        TesseraError: It has none, or something else.
    """
    entries = comma_separated(text)
    if not entries or not all(entry.isdecimal() for entry in entries):
        raise TesseraError(f"{option} {text!r} are no numbers.", f"Give whole numbers, such as {example}.")
    return tuple(map(int, entries))


def until_interrupted(*ready: str) -> None:
    """Waits for Ctrl-C or a request to end; the next one ends the process at once.

    Args:
        ready: Lines that say it is being served, printed once such a request ends it in order.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    for line in ready:
        say(line, aside)
    stop.wait()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    aside.print("Stopping.")


def warn(warnings: Iterable[str]) -> None:
    """Says on stderr what a person should know before they trust the answers."""
    for warning in warnings:
        aside.print(f"[bold yellow]Note:[/] {_plain(warning)}", highlight=False, soft_wrap=True)


def say(line: str, to: Console = console) -> None:
    """Prints a line as it stands: neither wrapped nor read as markup."""
    to.print(line, markup=False, highlight=False, soft_wrap=True)


def emit(payload: dict[str, Any]) -> None:
    """Writes one JSON object to stdout."""
    sys.stdout.write(json.dumps(payload, ensure_ascii=False, indent=1, default=str) + "\n")


def _plain(text: str) -> str:
    """Keeps rich from reading brackets in a message as markup."""
    return text.replace("[", "\\[")
