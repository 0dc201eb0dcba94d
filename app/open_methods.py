"""The methods of a comparison on the pages: opened with the choices of a session, kept open for all of them."""

from __future__ import annotations

from collections.abc import Callable

from app import state
from core.methods.base import Method
from core.methods.comparison import Choices, Run, describe_run
from core.methods.resources import Resources
from core.workspace import Workspace


def resources_of(ws: Workspace, choices: Choices, here: bool = False) -> Resources:
    """The resources of a method: the models of this process, and its settings with what was chosen.

    Args:
        here: Whether the language model is to run in this process, wherever it runs otherwise.
    """
    settings = choices.applied_to(state.settings())
    return Resources(ws, state.models(), settings.in_process if here else settings)


def opener(ws: Workspace, choices: Choices, **options: object) -> Callable[[str], Method]:
    """A function that opens a method by name; one that is open and still fits is handed out again."""
    return state.open_methods().opener(resources_of(ws, choices), **options)


def describe(ws: Workspace, run: Run) -> None:
    """Notes what the numbers of a run were measured on, and its warnings; loads the models if need be."""
    describe_run(run, resources_of(ws, run.choices))
