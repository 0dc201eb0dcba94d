"""The retrieval function: embeds a question and finds the nearest passages in the LanceDB index.

{"question": "...", "k": 3} -> {"question", "k", "passages": [{"id", "title", "text", "score"}], "function"}

Where its passages are to be re-ranked ("rerank": true) it gives more than k of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from core.labs.serverless.handlers.base import Handler
from core.labs.serverless.requests import CANDIDATES, RetrievalRequest
from core.labs.serverless.settings import FunctionSettings
from core.trace import Tracer

if TYPE_CHECKING:
    from core.labs.serverless.table import PassageTable
    from core.models.encoder import Encoder


class RetrievalHandler(Handler["tuple[Encoder, PassageTable]"]):
    """Embeds the question and searches the passage table."""

    function = "retrieval"
    accepts = RetrievalRequest
    reported: ClassVar[Mapping[str, str]] = {"Index": "index_kind"}

    def open(self, settings: FunctionSettings, tracer: Tracer) -> tuple[Encoder, PassageTable]:
        """Encoder and passage table, under the spans "load model" and "open table".

        Raises:
            TesseraError: One of them cannot be opened.
        """
        with tracer.span("load model"):
            encoder = open_encoder(settings)
        with tracer.span("open table"):
            from core.labs.serverless.table import PassageTable

            return encoder, PassageTable.open(settings.index_url, settings.index_kind)

    def answer(self, opened: tuple[Encoder, PassageTable], request: RetrievalRequest, tracer: Tracer) -> dict[str, Any]:
        """See ``Handler.answer``."""
        encoder, table = opened
        with tracer.span("encode"):
            vector = encoder.encode_query(request.question)
        hits = table.search(vector, max(request.k, CANDIDATES) if request.rerank else request.k, tracer)
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


handler = RetrievalHandler()
