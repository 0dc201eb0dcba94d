"""What a method may draw on when it is opened."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from core.corpus import store as corpus_store
from core.corpus.types import Corpus, Passage
from core.models.bundle import Models
from core.settings import Settings
from core.workspace import Workspace


@dataclass(frozen=True)
class Resources:
    """A workspace and the models of this process.

    Attributes:
        workspace: Where the artefacts are.
        models: Loaded once, shared by all methods.
        reader: Whether the language model reads with its reader adapter; None follows the settings.
    """

    workspace: Workspace
    models: Models
    reader: bool | None = None

    @property
    def settings(self) -> Settings:
        """The settings the models were made with."""
        return self.models.settings

    @cached_property
    def corpus(self) -> Corpus:
        """The corpus of the workspace.

        Raises:
            ArtefactMissing: There is none yet.
        """
        return corpus_store.load(self.workspace.require("corpus"))

    @cached_property
    def passages(self) -> dict[str, Passage]:
        """Passages by id."""
        return {passage.id: passage for passage in self.corpus.passages}
