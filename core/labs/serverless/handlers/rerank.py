"""The re-ranking function, between retrieval and generation: compares passages with the question once more.

{"question": "...", "passages": [{"id", "title", "text"}], "k": 3}
    -> {"question", "passages": [{"id", "title", "text", "score"}], "function"}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from core.labs.serverless.handlers.base import Handler
from core.labs.serverless.requests import RerankRequest
from core.labs.serverless.settings import FunctionSettings
from core.trace import Tracer

if TYPE_CHECKING:
    from core.models.rerank import Reranker


class RerankHandler(Handler["Reranker"]):
    """Compares passages with the question by the re-ranker that the settings name."""

    function = "rerank"
    accepts = RerankRequest
    reported: ClassVar[Mapping[str, str]] = {"Reranker": "reranker"}

    def open(self, settings: FunctionSettings, tracer: Tracer) -> Reranker:
        """The re-ranker, under the span "load model".

        Raises:
            ModelError: It cannot be loaded.
        """
        with tracer.span("load model"):
            return load_reranker(settings)

    def answer(self, opened: Reranker, request: RerankRequest, tracer: Tracer) -> dict[str, Any]:
        """See ``Handler.answer``."""
        from core.models.rerank import best_first

        with tracer.span("compare"):
            scores = opened.scores(request.question, request.passages)
        chosen = [(request.passages[number], scores[number]) for number in best_first(scores)[: request.k]]
        passages = [{"id": p.id, "title": p.title, "text": p.text, "score": round(score, 6)} for p, score in chosen]
        return {"question": request.question, "passages": passages, "model": opened.name}


def load_reranker(settings: FunctionSettings) -> Reranker:
    """The re-ranker that the settings name; its libraries are imported now, not when the function starts."""
    from core.models.encoder import SentenceEncoder
    from core.models.rerank import MAXSIM, CrossEncoder, LateInteraction

    # Late interaction compares texts, so it uses this machine's encoder whichever one embedded the passages.
    if settings.reranker == MAXSIM:
        return LateInteraction(SentenceEncoder(settings.encoder, settings))
    return CrossEncoder(settings.reranker, settings)


handler = RerankHandler()
