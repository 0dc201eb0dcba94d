"""The cache function: looks a question up among saved results before everything else, and saves new results.

{"question": "...", "k": 3}                        -> {"hit": true, "result": {"answer", "passages"}, "function"}
{"request": {"question", "k"}, "result": {...}}    -> {"kept": true, "function"}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from core.labs.serverless.handlers.frame import Frame, OpenedOnce
from core.labs.serverless.requests import KeepRequest, RetrievalRequest, parse
from core.labs.serverless.settings import FunctionSettings
from core.trace import Tracer

if TYPE_CHECKING:
    from core.labs.serverless.results import Results

_frame = Frame("cache")
_opened: OpenedOnce[Results] = OpenedOnce()


def open_results(settings: FunctionSettings, tracer: Tracer) -> Results:
    """The kept results of the settings, under the span "open storage"."""
    with tracer.span("open storage"):
        from core.labs.serverless.results import Results

        return Results(settings)


def handler(event: object, context: object) -> dict[str, Any]:
    """Lambda's entry point."""
    settings = FunctionSettings.from_environment()

    def work(body: Mapping[str, Any], tracer: Tracer) -> dict[str, Any]:
        keeping, asked = "result" in body, body
        if keeping:
            parse(KeepRequest, body)
            asked = body["request"]
        request = parse(RetrievalRequest, {"k": settings.top_k, **asked})
        results = _opened.get(settings, lambda: open_results(settings, tracer))
        if keeping:
            with tracer.span("keep"):
                results.keep(request, dict(body["result"]))
            return {"kept": True}
        with tracer.span("look up"):
            result = results.find(request)
        return {"hit": result is not None, "result": result}

    return _frame.run(event, context, work)
