"""Closed book: the control, with the same model and prompt but no passages."""

from __future__ import annotations

from collections.abc import Iterator

from core.methods.base import Answer, Event, Finished, read
from core.methods.resources import Resources
from core.trace import Tracer


class ClosedBook:
    """Answers from the model's weights only."""

    name = "closed-book"

    def __init__(self, resources: Resources) -> None:
        self._engine = resources.engine()

    def stream(self, question: str) -> Iterator[Event]:
        """Prefills head and question, then decodes."""
        tracer = Tracer(self._engine.synchronise)
        text = yield from read(self._engine, (), question, tracer)
        yield Finished(Answer(self.name, question, text, (), tracer.finish()))
