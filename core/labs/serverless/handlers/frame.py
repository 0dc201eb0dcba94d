"""The common frame of handlers: parse, check, work, report, reply.

Over HTTP a caller's mistake is a 400 and a failure that has a remedy is a 5xx, both as JSON with a reason. Called
plainly, as by Step Functions, both are raised, so that Retry and Catch see their names. A bug is raised in either case:
Lambda logs it and API Gateway answers 502 without it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from core.errors import ArtefactMissing, ArtefactStale, TesseraError
from core.labs.serverless.events import Call, proxy_response
from core.labs.serverless.requests import BadRequest
from core.labs.serverless.telemetry import Observation, report
from core.trace import Trace, Tracer

_Opened = TypeVar("_Opened")
Work = Callable[[Mapping[str, Any], Tracer], dict[str, Any]]
"""Answers a body; times itself on the tracer."""


class Throttled(TesseraError):
    """A function this one calls is at its concurrency limit."""


class OpenedOnce(Generic[_Opened]):
    """Models and tables that a process opens once and reuses; other settings open them again."""

    def __init__(self) -> None:
        self._last: tuple[object, _Opened] | None = None

    def get(self, settings: object, open_it: Callable[[], _Opened]) -> _Opened:
        """The value opened with these settings."""
        if self._last is None or self._last[0] != settings:
            self._last = (settings, open_it())
        return self._last[1]


class Frame:
    """Runs one function's invocations and knows which was the first of its process.

    Args:
        write: Takes metric lines; CloudWatch reads them from the output.
    """

    def __init__(self, function: str, write: Callable[[str], Any] | None = None) -> None:
        self.function = function
        self._write = write
        self._cold = True

    def run(self, event: object, context: object, work: Work, **properties: str) -> dict[str, Any]:
        """Answers one event.

        Args:
            context: Lambda's context; only its request id is used.

        Returns:
            A proxy response for API Gateway, or the plain reply.

        Raises:
            TesseraError: Called plainly, and the work cannot be done.
        """
        cold, self._cold = self._cold, False
        tracer, began = Tracer(), time.time()
        request_id = str(getattr(context, "aws_request_id", ""))
        call = Call.of(event)
        outcome = "failed"
        try:
            reply = work(call.body(), tracer)
            outcome = "ok"
        except TesseraError as error:
            outcome = "refused" if isinstance(error, BadRequest) else "failed"
            if not call.is_http:
                raise
            return proxy_response(status_of(error), {"error": error.what, "remedy": error.remedy})
        finally:
            trace = tracer.finish()
            seen = Observation(self.function, request_id, outcome, cold, began, trace, properties)
            report(seen, self._write or sys.stdout.write)
        reply = {**reply, "function": _facts(self.function, cold, trace)}
        return proxy_response(200, reply) if call.is_http else json.loads(json.dumps(reply))


def status_of(error: TesseraError) -> int:
    """HTTP status of a failure that has a remedy."""
    if isinstance(error, BadRequest):
        return 400
    if isinstance(error, Throttled):
        return 429
    return 503 if isinstance(error, ArtefactMissing | ArtefactStale) else 500


def _facts(function: str, cold: bool, trace: Trace) -> dict[str, Any]:
    spans = {span.name: round(span.ms, 3) for span in trace.spans}
    return {"name": function, "cold": cold, "spans": spans, "total_ms": round(trace.total_ms, 3)}
