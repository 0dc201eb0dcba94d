"""The generation function: reads passages and answers the question from them.

{"question": "...", "passages": [{"id", "title", "text"}]} -> {"question", "answer", "sources", "tokens", "function"}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from core.corpus.types import Passage
from core.labs.serverless.handlers.base import Handler
from core.labs.serverless.requests import GenerationRequest
from core.labs.serverless.settings import FunctionSettings
from core.trace import Tracer

if TYPE_CHECKING:
    from core.models.language_model import LanguageModel


class Reader(Protocol):
    """Answers from passages; counts tokens and times itself on the tracer."""

    name: str

    def answer(self, question: str, passages: Sequence[Passage], tracer: Tracer) -> str:
        """The answer."""
        ...


class LocalReader:
    """The language model of this machine, with the prompt and the decoding of standard RAG."""

    def __init__(self, lm: LanguageModel, max_new_tokens: int) -> None:
        self._lm = lm
        self._limit = max_new_tokens
        self.name = lm.identity.name

    def answer(self, question: str, passages: Sequence[Passage], tracer: Tracer) -> str:
        """See ``Reader.answer``.

        Raises:
            ModelError: The passages do not fit the model's context.
        """
        from core.models.engine import LocalEngine
        from core.models.engine_base import text_of

        return text_of(LocalEngine(self._lm, self._limit).stream(question, passages, tracer))


def open_reader(settings: FunctionSettings) -> Reader:
    """The reader that the settings name."""
    if settings.answers == "bedrock":
        from core.labs.serverless.bedrock import ClaudeReader, runtime

        return ClaudeReader(runtime(), settings.claude_model, settings.max_new_tokens)
    from core.models.registry import Models

    return LocalReader(Models(settings).language_model(), settings.max_new_tokens)


class GenerationHandler(Handler[Reader]):
    """Answers from the passages of the request."""

    function = "generation"
    accepts = GenerationRequest
    reported: ClassVar[Mapping[str, str]] = {"Answers": "answers"}

    def open(self, settings: FunctionSettings, tracer: Tracer) -> Reader:
        """The reader, under the span "load model"."""
        with tracer.span("load model"):
            return open_reader(settings)

    def answer(self, opened: Reader, request: GenerationRequest, tracer: Tracer) -> dict[str, Any]:
        """See ``Handler.answer``."""
        answer = opened.answer(request.question, request.passages, tracer)
        return {
            "question": request.question,
            "answer": answer,
            "sources": [passage.id for passage in request.passages],
            "model": opened.name,
            "tokens": {"prompt": tracer.prompt_tokens, "generated": tracer.generated_tokens},
        }


handler = GenerationHandler()
