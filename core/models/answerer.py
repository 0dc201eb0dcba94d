"""Who turns evidence into an answer: the local model, or any endpoint that speaks the OpenAI protocol.

answerer = open_answerer(models, reader=None)
for piece in answerer.stream(question, passages, tracer):
...
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from core.corpus.types import Passage
from core.models.bundle import Models
from core.models.endpoint import Endpoint, EndpointAnswerer
from core.models.language_model import LanguageModel
from core.trace import Tracer


class Answerer(Protocol):
    """Question and evidence in, answer out.

    Attributes:
        name: What is shown and kept: never a key.
        fingerprint: Tells answerers apart whose answers must not be mixed.
        local: Whether the question and the evidence stay on this machine.
    """

    name: str
    fingerprint: str
    local: bool

    def stream(self, question: str, passages: Sequence[Passage], tracer: Tracer) -> Iterator[str]:
        """Pieces of the answer as they are generated; closing the iterator stops the work."""
        ...


class LocalAnswerer:
    """The local model with the one prompt of all arms.

    Args:
        lm: With its reader adapter, or plain.
        limit: Longest answer, in tokens.
    """

    local = True

    def __init__(self, lm: LanguageModel, limit: int) -> None:
        self.lm, self.name, self._limit = lm, lm.identity.name, limit
        self.fingerprint = lm.identity.fingerprint

    def stream(self, question: str, passages: Sequence[Passage], tracer: Tracer) -> Iterator[str]:
        """Prefills the evidence and the question, then decodes."""
        lm = self.lm
        session = lm.session()
        ids = lm.prompt.context(passages) + lm.prompt.tail(question)
        with tracer.span("prefill"):
            for _ in session.feed(ids):
                pass
        tracer.prompt_tokens += len(ids)

        def counted() -> Iterator[int]:
            for token in session.decode(self._limit):
                tracer.first_token()
                tracer.generated_tokens += 1
                yield token

        with tracer.span("decode"):
            yield from (piece for piece in lm.stream_text(counted()) if piece)


def open_answerer(models: Models, reader: bool | None = None) -> Answerer:
    """The endpoint that the settings name, else the local model.

    Args:
        models: Of this process.
        reader: Whether the local model reads with its reader adapter; None follows the settings.

    Raises:
        ModelError: The endpoint's address or model is no good, or the local model cannot be loaded.
    """
    settings = models.settings
    if settings.answerer_url:
        endpoint = Endpoint(settings.answerer_url, settings.answerer_model, settings.answerer_timeout)
        return EndpointAnswerer(endpoint, settings.max_new_tokens)
    return LocalAnswerer(models.language_model(reader), settings.max_new_tokens)
