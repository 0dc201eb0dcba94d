"""The cache function: looks a question up among saved results before everything else, and saves new results.

{"question": "...", "k": 3}                        -> {"hit": true, "result": {"answer", "passages"}, "function"}
{"request": {"question", "k"}, "result": {...}}    -> {"kept": true, "function"}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from core.labs.serverless.handlers.base import Handler
from core.labs.serverless.requests import RetrievalRequest, SaveRequest, parse
from core.labs.serverless.settings import FunctionSettings
from core.trace import Tracer

if TYPE_CHECKING:
    from core.labs.serverless.results import Results

_Request = tuple[RetrievalRequest, dict[str, Any] | None]
"""What is looked up, or what is saved: the request that was answered, and its result."""


class CacheHandler(Handler["Results"]):
    """Looks results up and saves them."""

    function = "cache"
    accepts = RetrievalRequest

    def open(self, settings: FunctionSettings, tracer: Tracer) -> Results:
        """The saved results, under the span "open storage"."""
        with tracer.span("open storage"):
            from core.labs.serverless.results import Results

            return Results(settings)

    def request(self, body: Mapping[str, Any], settings: FunctionSettings) -> _Request:
        """See ``Handler.request``."""
        if "result" not in body:
            return super().request(body, settings), None
        answered = parse(SaveRequest, body).request
        return super().request(answered, settings), dict(body["result"])

    def answer(self, opened: Results, request: _Request, tracer: Tracer) -> dict[str, Any]:
        """See ``Handler.answer``."""
        question, result = request
        if result is not None:
            with tracer.span("keep"):
                opened.save(question, result)
            return {"kept": True}
        with tracer.span("look up"):
            saved = opened.find(question)
        return {"hit": saved is not None, "result": saved}


handler = CacheHandler()
