"""Opens the arms of a comparison with the choices of a session, and keeps them open between questions."""

from __future__ import annotations

from collections.abc import Callable

from app import state
from app.asking import Choices, Ground, warm_up
from app.chosen import ChosenResources, measured_on
from core.methods import registry
from core.methods.base import Method
from core.workspace import Workspace, index_kind


def opener(ws: Workspace, choices: Choices) -> Callable[[str], Method]:
    """A function that opens an arm by name; an arm that is open and still fits is handed out again."""
    resources = ChosenResources(ws, state.models(), choices.reader, top_k=choices.top_k, store=choices.store)

    def open_arm(name: str) -> Method:
        spec = registry.METHODS[name]
        built = (f"{kind}:{ws.require(kind) and ws.fingerprint(kind)}" for kind in spec.needs)
        index = ws.manifest(index_kind(choices.store))
        searched = (choices.store, index.created if index else "")  # a table that was built anew must be opened anew
        key = (str(ws.path), name, str(choices.reader), str(choices.top_k), *searched, *built)

        def open_and_warm_up() -> Method:
            method = registry.open_method(name, resources)
            warm_up(method)
            return method

        return state.opened(key, open_and_warm_up)

    return open_arm


def ground_of(choices: Choices) -> Ground:
    """What the numbers of a run were measured on; loads the language model if need be."""
    return measured_on(state.models(), choices)
