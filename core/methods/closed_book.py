"""Closed book: the control. The same model and prompt, with no passage at all."""

from __future__ import annotations

from collections.abc import Iterator

from core.methods.base import Answer, Event, Finished, decode, prefill
from core.methods.resources import Resources
from core.trace import Tracer


class ClosedBook:
    """Answers from what the weights know."""

    name = "closed-book"

    def __init__(self, resources: Resources) -> None:
        self._lm = resources.models.language_model(resources.reader)
        self._limit = resources.settings.max_new_tokens

    def stream(self, question: str) -> Iterator[Event]:
        """Prefills head and question, then decodes."""
        tracer = Tracer(self._lm.synchronise)
        session = self._lm.session()
        said: list[str] = []
        yield from prefill(session, self._lm.prompt.head + self._lm.prompt.tail(question), tracer)
        yield from decode(self._lm, session, self._limit, tracer, said)
        yield Finished(Answer(self.name, question, "".join(said).strip(), (), tracer.finish()))
