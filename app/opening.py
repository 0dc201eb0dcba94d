"""Opens the arms of a comparison with the choices of a session, and keeps them open between questions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from app import state
from app.asking import Choices, Ground, warm_up
from core.methods import registry
from core.methods.base import Method
from core.methods.resources import Resources
from core.models.device import describe
from core.settings import DEFAULT_STORE, Settings
from core.workspace import Workspace, index_kind


@dataclass(frozen=True)
class ChosenResources(Resources):
    """Resources with the session's own number of passages and store.

    Attributes:
        top_k: Passages that RAG puts in the prompt.
        store: Where RAG searches.
    """

    top_k: int = 3
    store: str = DEFAULT_STORE

    @property
    def settings(self) -> Settings:
        """The settings of the models, with the chosen number of passages and store."""
        return replace(self.models.settings, top_k=self.top_k, store=self.store)


def opener(ws: Workspace, choices: Choices) -> Callable[[str], Method]:
    """A function that opens an arm by name; an arm that is open and still fits is handed out again."""
    resources = ChosenResources(ws, state.models(), choices.reader, choices.top_k, choices.store)

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
    models = state.models()
    lm = models.language_model(choices.reader)
    return Ground(
        model=lm.identity.name,
        reader=bool(lm.identity.adapter),
        encoder=models.settings.encoder,
        device=describe(lm.device),
        dtype=lm.identity.dtype,
    )
