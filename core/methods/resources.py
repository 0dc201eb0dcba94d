"""What a method may draw on when it is opened."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from core.corpus import store as corpus_store
from core.corpus.types import Corpus, Passage, Question
from core.errors import TesseraError
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
        questions: Questions whose gold passages are known besides those of the corpus.
    """

    workspace: Workspace
    models: Models
    reader: bool | None = None
    questions: tuple[Question, ...] = ()

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

    def gold(self, question: str) -> tuple[str, ...]:
        """Ids of the passages that are right for a question. For the controls alone: no other arm may look here.

        Raises:
            TesseraError: Nobody has said which they are.
        """
        ids = self._gold.get(_folded(question), ())
        if not ids:
            raise TesseraError(
                f"Nobody has said which passage is right for {question!r}.",
                "Ask one of the corpus' own questions, or give a questions file that names its passages.",
            )
        return ids

    @cached_property
    def _gold(self) -> dict[str, tuple[str, ...]]:
        own = (question for group in self.corpus.questions.values() for question in group)
        held = self.passages.keys()
        return {_folded(q.text): q.passage_ids for q in (*own, *self.questions) if held >= set(q.passage_ids)}


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()
