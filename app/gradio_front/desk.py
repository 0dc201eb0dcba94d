"""Where questions of the Gradio front arrive: one workspace, one set of models, arms that stay open."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from app.asking import Choices, Happening, Run, answer_in_turn, warm_up
from app.chosen import ChosenResources, measured_on
from app.gradio_front.relay import relay
from app.links import MAX_QUESTION, MAX_TOP_K
from core import pipeline
from core.corpus.types import Passage
from core.errors import TesseraError
from core.methods import registry
from core.methods.base import Method
from core.models.bundle import Models
from core.workspace import Workspace, index_kind

USUAL = ("rag", "cag", "memory", "closed-book")
MAX_FOUND = 20
_OPEN = 12


@dataclass(frozen=True)
class Found:
    """A passage near a text.

    Attributes:
        passage: Which.
        score: Cosine similarity.
    """

    passage: Passage
    score: float


class Desk:
    """Takes questions for one workspace.

    Args:
        ws: What is asked about.
        models: Their lock lets one question at a time compute.
    """

    def __init__(self, ws: Workspace, models: Models) -> None:
        self.ws, self.models = ws, models
        self._open: OrderedDict[tuple[str, ...], Method] = OrderedDict()

    def lacking(self, name: str) -> str:
        """What keeps an arm from answering, with its remedy; empty when it is ready."""
        for kind in registry.METHODS[name].needs:
            try:
                self.ws.require(kind)
            except TesseraError as error:
                return str(error)
        return ""

    def choose(self, question: str, methods: Sequence[str], passages: int) -> Choices:
        """Checks what a stranger asked for.

        Args:
            question: At most ``MAX_QUESTION`` characters.
            methods: Names of arms.
            passages: How many RAG reads, 1 to ``MAX_TOP_K``.

        Raises:
            TesseraError: Something of it cannot be.
        """
        question = " ".join(question.split())
        if not question:
            raise TesseraError("The question is empty.", "Type one.")
        if len(question) > MAX_QUESTION:
            raise TesseraError(f"The question has {len(question):,} characters.", f"Keep it below {MAX_QUESTION}.")
        unknown = [name for name in methods if name not in registry.METHODS]
        if unknown or not methods:
            what = f"There is no method {unknown[0]!r}." if unknown else "No method was named."
            raise TesseraError(what, f"Choose from: {', '.join(registry.METHODS)}.")
        if not 1 <= passages <= MAX_TOP_K:
            raise TesseraError(f"RAG cannot read {passages} passages.", f"Ask for 1 to {MAX_TOP_K}.")
        reader = self.models.settings.reader
        store = self.models.settings.store
        return Choices(self.ws.name, question, tuple(dict.fromkeys(methods)), reader, passages, store)

    def stream(self, run: Run) -> Generator[tuple[str, Happening], None, None]:
        """Asks the arms of a run one after another; closing it stops the one that answers.

        Yields:
            The arm's name and what happened to it; ``run`` fills up meanwhile.
        """
        return relay(lambda: self._stream(run))

    def answer(self, choices: Choices) -> Run:
        """Asks to the end."""
        run = Run(choices)
        for _ in self.stream(run):
            pass
        return run

    def search(self, query: str, k: int) -> list[Found]:
        """The passages nearest to a text, by exact cosine similarity.

        Raises:
            TesseraError: The query is empty, ``k`` is out of bounds, or the corpus has not been prepared.
        """
        if not query.strip():
            raise TesseraError("The query is empty.", "Type one.")
        if not 1 <= k <= MAX_FOUND:
            raise TesseraError(f"{k} passages were asked for.", f"Ask for 1 to {MAX_FOUND}.")
        with self.models.lock:
            encoder = self.models.encoder()
            self.ws.require("embeddings", {"encoder": encoder.fingerprint})
            passages, vectors = pipeline.load_passages(self.ws), pipeline.load_vectors(self.ws)
            scores = vectors @ encoder.encode_query(query[:MAX_QUESTION])
        best = np.argsort(-scores, kind="stable")[:k]
        return [Found(passages[row], float(scores[row])) for row in best]

    def _stream(self, run: Run) -> Generator[tuple[str, Happening], None, None]:
        resources = ChosenResources(
            self.ws, self.models, run.choices.reader, top_k=run.choices.top_k, store=run.choices.store
        )
        yield from answer_in_turn(run, lambda name: self._opened(name, resources), self.models.lock)
        run.ground = measured_on(self.models, run.choices)

    def _opened(self, name: str, resources: ChosenResources) -> Method:
        built = (f"{kind}:{self.ws.fingerprint(kind)}" for kind in registry.METHODS[name].needs)
        searched = self.ws.fingerprint(index_kind(resources.store))
        key = (name, str(resources.top_k), str(resources.reader), searched, *built)
        if key not in self._open:
            method = registry.open_method(name, resources)
            warm_up(method)
            self._open[key] = method
            while len(self._open) > _OPEN:
                self._open.popitem(last=False)
        self._open.move_to_end(key)
        return self._open[key]
