"""What a method is opened with: the workspace, the models and the settings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from core.corpus import store as corpus_store
from core.corpus.types import Corpus, Passage, Question, Source
from core.errors import TesseraError
from core.messages import message
from core.models.engine import open_engine
from core.models.engine_base import Engine
from core.models.language_model import LanguageModel
from core.models.registry import Models
from core.models.variant import ModelVariant
from core.normalise import folded
from core.settings import Settings
from core.voronoi.partition import Partition
from core.workspace import Workspace


@dataclass(frozen=True)
class Resources:
    """A workspace, the models of this process, and the settings to answer with.

    To change settings for one question or one row of a table: ``replace(resources, settings=replace(...))``.

    Attributes:
        settings: Number of passages, store, reader adapter and the like.
        questions: Further questions with known gold passages, besides those of the corpus.
    """

    workspace: Workspace
    models: Models
    settings: Settings
    questions: tuple[Question, ...] = ()

    @property
    def variant(self) -> ModelVariant:
        """The variant of the language model in the settings."""
        return ModelVariant.of(self.settings)

    def language_model(self) -> LanguageModel:
        """The language model of the settings."""
        return self.models.language_model(self.variant)

    def engine(self) -> Engine:
        """Where the settings have questions answered; the language model is loaded if that is here."""
        return open_engine(self.models, self.settings)

    @cached_property
    def corpus(self) -> Corpus:
        """The corpus of the workspace.

        Raises:
            ArtefactMissing: It is not built yet.
        """
        return self.workspace.read("corpus", corpus_store.load)

    @cached_property
    def passages(self) -> dict[str, Passage]:
        """Passages by id."""
        return {passage.id: passage for passage in self.corpus.passages}

    def sources(self) -> dict[str, Source]:
        """Where passages stand in their files, to be cited by methods that need no corpus: nothing without one."""
        try:
            return {passage.id: passage.source for passage in self.corpus.passages if passage.source}
        except TesseraError:
            return {}

    def gold(self, question: str) -> tuple[str, ...]:
        """Ids of the gold passages of a question. Only controls may use them.

        Raises:
            TesseraError: They are not known.
        """
        ids = self._gold.get(folded(question), ())
        if not ids:
            raise TesseraError(
                message("Nobody has said which passage is right for {question!r}.", question=question),
                "Ask one of the corpus' own questions, or give a questions file that names its passages.",
            )
        return ids

    def cells_of(self, passage_ids: Iterable[str]) -> dict[str, int]:
        """The Voronoi cells of passages, by id; nothing where passages are not cut into cells."""
        if self.workspace.state("partition").status != "ready":
            return {}
        rows = self._rows
        return {i: int(self._partition.assignment[rows[i]]) for i in passage_ids if i in rows}

    @cached_property
    def _rows(self) -> dict[str, int]:
        return self.corpus.index()

    @cached_property
    def _partition(self) -> Partition:
        return self.workspace.read("partition", Partition.load)

    @cached_property
    def _gold(self) -> dict[str, tuple[str, ...]]:
        questions, known = (*self.corpus.all_questions(), *self.questions), self.passages.keys()
        return {folded(q.text): q.passage_ids for q in questions if known >= set(q.passage_ids)}
