"""Closed book: the control, with the same model and prompt but no passages."""

from __future__ import annotations

from collections.abc import Iterator

from core.methods.base import Answer, Event, Finished, read
from core.methods.resources import Resources
from core.methods.spec import MethodSpec, MethodStyle
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


CLOSED_BOOK = MethodSpec(
    name=ClosedBook.name,
    label="Closed book",
    summary="Answers from the weights alone: the control.",
    open=ClosedBook,
    role="control",
    reads=(),
    keeps_text=False,
    style=MethodStyle("#7d8590", "block", "x"),
    facts=(),
    usual=True,
)
