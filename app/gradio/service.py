"""The service behind the Gradio front: one workspace, one set of models, methods that stay open."""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence

import numpy as np

from app.gradio.thread_bridge import AGAIN, CLOSING, relay
from app.links import MAX_QUESTION, MAX_TOP_K
from core.corpus.store import load_passages
from core.errors import TesseraError
from core.evaluation.lessons import known_question
from core.messages import Message, message
from core.methods import registry
from core.methods.base import Evidence, as_evidence
from core.methods.comparison import Choices, OpenMethods, Run, RunEvent, answer_each, describe_run
from core.methods.resources import Resources
from core.methods.script_warnings import script_warnings
from core.models.embeddings import load_vectors
from core.models.registry import Models
from core.settings import Settings
from core.workspace import Workspace

MAX_FOUND = 20


class ComparisonService:
    """Takes questions for one workspace.

    Args:
        models: Their lock lets one question at a time compute.
    """

    def __init__(self, ws: Workspace, models: Models, settings: Settings) -> None:
        self.ws, self.models, self.settings = ws, models, settings
        self._methods = OpenMethods()
        self._running: set[threading.Event] = set()
        self._closed = False

    def lacking(self, name: str) -> str:
        """The reason why a method cannot answer, with its remedy; empty when it is ready."""
        spec = registry.METHODS[name]
        if not spec.runs_on(self.settings):
            return str(spec.refusal())
        for kind in spec.on(self.settings).needs:
            try:
                self.ws.require(kind)
            except TesseraError as error:
                return str(error)
        return ""

    def choose(self, question: str, methods: Sequence[str], passages: int) -> Choices:
        """Checks what a stranger asked for.

        Args:
            question: At most ``MAX_QUESTION`` characters.
            passages: How many RAG reads, 1 to ``MAX_TOP_K``.

        Raises:
            TesseraError: Something of it cannot be.
        """
        question = " ".join(question.split())
        if not question:
            raise TesseraError("The question is empty.", "Type one.")
        if len(question) > MAX_QUESTION:
            raise TesseraError(
                message("The question has {n:,} characters.", n=len(question)),
                message("Keep it below {most}.", most=MAX_QUESTION),
            )
        registry.require_some(methods)
        for name in methods:
            registry.find_method(name)
        if not 1 <= passages <= MAX_TOP_K:
            raise TesseraError(
                message("RAG cannot read {n} passages.", n=passages), message("Ask for 1 to {most}.", most=MAX_TOP_K)
            )
        settings = self.settings
        return Choices(self.ws.name, question, tuple(dict.fromkeys(methods)), settings.reader, passages, settings.store)

    def begin(self, choices: Choices) -> Run:
        """A run that knows what counts as right, where the question is one of the corpus' own."""
        resources = Resources(self.ws, self.models, self.settings)
        return Run(choices, gold=known_question(choices.question, resources))

    def stream(self, run: Run) -> Generator[tuple[str, RunEvent], None, None]:
        """Asks the methods of a run one after another; closing it stops the one that answers.

        Yields:
            The method's name and what happened to it; ``run`` fills up meanwhile.
        """
        stop = threading.Event()
        self._running.add(stop)
        try:
            if self._closed:
                stop.set()
            yield from relay(lambda: self._stream(run), stop)
        finally:
            self._running.discard(stop)

    def close(self) -> None:
        """Ends what is being answered and waits until nothing computes: a process that ends before is aborted."""
        self._closed = True
        for stop in list(self._running):
            stop.set()
        with self.models.lock:
            return

    def answer(self, choices: Choices) -> Run:
        """Asks to the end."""
        run = self.begin(choices)
        for _ in self.stream(run):
            pass
        return run

    def search(self, query: str, k: int) -> tuple[tuple[Evidence, ...], tuple[Message, ...]]:
        """The passages nearest to a text, by exact cosine similarity, and warnings; see ``script_warnings``.

        Raises:
            TesseraError: The query is empty, ``k`` is out of bounds, or the corpus has not been prepared.
        """
        if not query.strip():
            raise TesseraError("The query is empty.", "Type one.")
        if not 1 <= k <= MAX_FOUND:
            raise TesseraError(
                message("{n} passages were asked for.", n=k), message("Ask for 1 to {most}.", most=MAX_FOUND)
            )
        with self.models.lock:
            if self._closed:
                raise TesseraError(CLOSING, AGAIN)
            encoder = self.models.encoder()
            self.ws.require("embeddings", {"encoder": encoder.fingerprint})
            passages, vectors = load_passages(self.ws), load_vectors(self.ws)
            scores = vectors @ encoder.encode_query(query[:MAX_QUESTION])
        best = np.argsort(-scores, kind="stable")[:k]
        evidence = as_evidence([passages[row] for row in best], [float(scores[row]) for row in best])
        return evidence, script_warnings(query, encoder)

    def _stream(self, run: Run) -> Generator[tuple[str, RunEvent], None, None]:
        resources = Resources(self.ws, self.models, run.choices.applied_to(self.settings))
        yield from answer_each(run, self._methods.opener(resources), self.models.lock)
        describe_run(run, resources)
