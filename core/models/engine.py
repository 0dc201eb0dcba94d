"""Opens the engine of the settings: the model of this process, or one on a server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from core.corpus.types import Passage
from core.models.device import describe
from core.models.engine_base import Engine, Piece, Working
from core.models.language_model import LanguageModel
from core.models.registry import Models
from core.models.server import Server
from core.models.session import Session
from core.models.side_by_side import SideBySide
from core.models.variant import ModelVariant
from core.settings import Settings
from core.trace import Tracer


class LocalEngine:
    """The model of this process."""

    local = True

    def __init__(self, lm: LanguageModel, limit: int) -> None:
        self.lm, self.identity, self.synchronise, self._limit = lm, lm.identity, lm.synchronise, limit
        self.where = describe(lm.device)

    def stream(self, question: str, passages: Sequence[Passage], tracer: Tracer) -> Iterator[Piece]:
        """See ``Engine.stream``."""
        ids = self.lm.prompt.context(passages) + self.lm.prompt.tail(question)
        yield from self.continue_from(self.lm.session(), ids, tracer)

    def read_alone(self, side: SideBySide, question: str, tracer: Tracer) -> Iterator[Piece]:
        """Reads the question with each of several passages and answers from the one that answers best.

        Passages without stored keys and values are prefilled first.
        """
        tail = self.lm.prompt.tail(question)
        tracer.prompt_tokens += side.missing + side.count * len(tail)
        with tracer.span("prefill"):
            for done in side.prefill_steps():
                yield Working("prefill", done, side.length)
            session = side.ask(tail)
        yield from self.lm.stream_answer(session, self._limit, tracer)

    def continue_from(self, session: Session, ids: Sequence[int], tracer: Tracer) -> Iterator[Piece]:
        """Prefills tokens into a session, which may have a cache to continue from, and decodes the answer."""
        with tracer.span("prefill"):
            for done in session.prefill_steps(ids):
                yield Working("prefill", done, len(ids))
        tracer.prompt_tokens += len(ids)
        yield from self.lm.stream_answer(session, self._limit, tracer)


def open_engine(models: Models, settings: Settings) -> Engine:
    """The server of the settings, or the model of this process if none is set.

    Args:
        settings: Server, variant of the local model, and longest answer.

    Raises:
        ModelError: The server's address or model name is invalid, or the local model cannot be loaded.
    """
    if settings.engine_url:
        from core.models.server_engine import ServerEngine

        return ServerEngine(Server.of(settings), settings.max_new_tokens)
    return LocalEngine(models.language_model(ModelVariant.of(settings)), settings.max_new_tokens)
