"""The retrieval function: embeds a question and finds the nearest passages in the LanceDB index.

{"question": "...", "k": 3} -> {"question", "k", "passages": [{"id", "title", "text", "score"}], "function"}

Where its passages are to be re-ranked ("rerank": true) it gives more than k of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from core.labs.serverless.handlers.frame import Frame, OpenedOnce
from core.labs.serverless.requests import CANDIDATES, RetrievalRequest, parse
from core.labs.serverless.settings import FunctionSettings
from core.trace import Tracer

if TYPE_CHECKING:
    from core.labs.serverless.table import PassageTable
    from core.models.encoder import Encoder

_frame = Frame("retrieval")


class Retriever:
    """Encoder and index, which stay in memory between invocations."""

    def __init__(self, encoder: Encoder, table: PassageTable) -> None:
        self._encoder = encoder
        self._table = table

    @classmethod
    def open(cls, settings: FunctionSettings, tracer: Tracer) -> Retriever:
        """Loads encoder and index under the spans "load model" and "open table".

        Raises:
            TesseraError: One of them cannot be had.
        """
        with tracer.span("load model"):
            encoder = open_encoder(settings)
        with tracer.span("open table"):
            from core.labs.serverless.table import PassageTable

            table = PassageTable.open(settings.index_url, settings.index_kind)
        return cls(encoder, table)

    def find(self, request: RetrievalRequest, tracer: Tracer) -> dict[str, Any]:
        """The reply to a request."""
        with tracer.span("encode"):
            vector = self._encoder.encode_query(request.question)
        hits = self._table.search(vector, max(request.k, CANDIDATES) if request.rerank else request.k, tracer)
        passages = [
            {"id": p.id, "title": p.title, "text": p.text, "score": round(hit.score, 6)}
            for hit in hits
            for p in (hit.passage,)
        ]
        return {"question": request.question, "k": request.k, "passages": passages}


def open_encoder(settings: FunctionSettings) -> Encoder:
    """The encoder that the settings name; its libraries are loaded now, not when the function starts.

    Lambda gives the start of a function ten seconds, and torch alone may take as long.
    """
    if settings.embeddings == "bedrock":
        from core.labs.serverless.bedrock import TitanEncoder, runtime

        return TitanEncoder(runtime(), settings.titan_model, settings.titan_dimensions)
    from core.models.encoder import SentenceEncoder

    return SentenceEncoder(settings.encoder, settings)


_opened: OpenedOnce[Retriever] = OpenedOnce()


def handler(event: object, context: object) -> dict[str, Any]:
    """Lambda's entry point."""
    settings = FunctionSettings.from_environment()

    def work(body: Mapping[str, Any], tracer: Tracer) -> dict[str, Any]:
        request = parse(RetrievalRequest, {"k": settings.top_k, **body})
        return _opened.get(settings, lambda: Retriever.open(settings, tracer)).find(request, tracer)

    return _frame.run(event, context, work, Index=settings.index_kind)
