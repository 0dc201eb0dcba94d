"""What a person chose for one question, as the engine takes it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.asking import Choices, Ground
from core.methods.resources import Resources
from core.models.bundle import Models
from core.models.device import describe
from core.settings import DEFAULT_STORE, Settings


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


def measured_on(models: Models, choices: Choices) -> Ground:
    """What the numbers of a run were measured on; loads the language model if need be."""
    lm = models.language_model(choices.reader)
    return Ground(
        model=lm.identity.name,
        reader=bool(lm.identity.adapter),
        encoder=models.settings.encoder,
        device=describe(lm.device),
        dtype=lm.identity.dtype,
    )
