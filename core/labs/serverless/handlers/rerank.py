"""The re-ranking function, between retrieval and generation: compares passages with the question once more.

{"question": "...", "passages": [{"id", "title", "text"}], "k": 3}
    -> {"question", "passages": [{"id", "title", "text", "score"}], "function"}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from core.labs.serverless.handlers.frame import Frame, OpenedOnce
from core.labs.serverless.requests import RerankRequest, parse
from core.labs.serverless.settings import FunctionSettings
from core.trace import Tracer

if TYPE_CHECKING:
    from core.models.rerank import Reranker

_frame = Frame("rerank")
_opened: OpenedOnce[Reranker] = OpenedOnce()


def open_again(settings: FunctionSettings, tracer: Tracer) -> Reranker:
    """The re-ranker that the settings name, under the span "load model".

    Raises:
        ModelError: It cannot be loaded.
    """
    with tracer.span("load model"):
        from core.models.encoder import SentenceEncoder
        from core.models.rerank import MAXSIM, CrossEncoder, LateInteraction

        # Late interaction compares texts, so it uses this machine's encoder whichever one embedded the passages.
        if settings.reranker == MAXSIM:
            return LateInteraction(SentenceEncoder(settings.encoder, settings))
        return CrossEncoder(settings.reranker, settings)


def best(again: Reranker, request: RerankRequest, tracer: Tracer) -> dict[str, Any]:
    """The reply to a request."""
    from core.models.rerank import best_first

    with tracer.span("compare"):
        scores = again.scores(request.question, request.passages)
    chosen = [(request.passages[number], scores[number]) for number in best_first(scores)[: request.k]]
    passages = [{"id": p.id, "title": p.title, "text": p.text, "score": round(score, 6)} for p, score in chosen]
    return {"question": request.question, "passages": passages, "model": again.name}


def handler(event: object, context: object) -> dict[str, Any]:
    """Lambda's entry point."""
    settings = FunctionSettings.from_environment()

    def work(body: Mapping[str, Any], tracer: Tracer) -> dict[str, Any]:
        request = parse(RerankRequest, {"k": settings.top_k, **body})
        return best(_opened.get(settings, lambda: open_again(settings, tracer)), request, tracer)

    return _frame.run(event, context, work, Reranker=settings.reranker)
