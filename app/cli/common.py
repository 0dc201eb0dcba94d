"""What all commands share: options, the progress bar, errors as sentences, one JSON object on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

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

from core.errors import TesseraError
from core.jobs import Work
from core.settings import Settings
from core.workspace import Workspace, open_workspace

WorkspaceOption = Annotated[
    str, typer.Option("--workspace", "-w", help="Name under workspaces/, or a path.", show_default=True)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on stdout.")]

console = Console()
aside = Console(stderr=True)
EXIT_FAILED = 1
EXIT_INTERRUPTED = 130


def settings_and_workspace(name: str) -> tuple[Settings, Workspace]:
    """Settings of the environment, and the workspace of that name."""
    settings = Settings.from_environment()
    return settings, open_workspace(name, settings.workspaces)


@contextmanager
def reporting(as_json: bool) -> Iterator[None]:
    """Turns a TesseraError into a sentence (or a JSON object) and exit code 1, Ctrl-C into 130."""
    try:
        yield
    except TesseraError as error:
        if as_json:
            emit({"error": error.what, "remedy": error.remedy})
        else:
            aside.print(f"[bold red]Error:[/] {_plain(error.what)}")
            if error.remedy:
                aside.print(f"[bold]What to do:[/] {_plain(error.remedy)}")
        raise typer.Exit(EXIT_FAILED) from None
    except KeyboardInterrupt:
        aside.print("Stopped. What was finished is kept; the same command goes on from there.")
        raise typer.Exit(EXIT_INTERRUPTED) from None


def drive(work: Work, on_step: Callable[[Any], None] = lambda step: None) -> dict[str, Any]:
    """Runs long work under a progress bar on stderr.

    Args:
        work: A builder.
        on_step: Called with every ``Progress``.

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


def emit(payload: dict[str, Any]) -> None:
    """Writes one JSON object to stdout."""
    sys.stdout.write(json.dumps(payload, ensure_ascii=False, indent=1, default=str) + "\n")


def _plain(text: str) -> str:
    """Keeps rich from reading brackets in a message as markup."""
    return text.replace("[", "\\[")
