"""The base of all handlers: checks the request, answers it, reports the invocation, and replies.

Over HTTP a caller's mistake is a 400 and a failure that has a remedy is a 5xx, both as JSON with a reason. Called
plainly, as by Step Functions, both are raised, so that Retry and Catch see their names. A bug is raised in either case:
Lambda logs it and API Gateway answers 502 without it.
"""

from __future__ import annotations

import json
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Generic, TypeVar

from core.errors import ArtefactMissing, ArtefactStale, TesseraError
from core.labs.serverless.events import Call, proxy_response
from core.labs.serverless.requests import BadRequest, parse
from core.labs.serverless.settings import FunctionSettings
from core.labs.serverless.telemetry import Observation, report
from core.trace import Trace, Tracer

Opened = TypeVar("Opened")


class Throttled(TesseraError):
    """A function this one calls is at its concurrency limit."""


class Handler(ABC, Generic[Opened]):
    """One Lambda function: an instance is its entry point, called with Lambda's event and context.

    Subclasses say what the function opens and how it answers. What it opened is reused until the settings change.

    Args:
        write: Takes metric lines; CloudWatch reads them from the output.

    Attributes:
        function: Name of the function.
        accepts: Class of its requests.
        reported: Settings that are reported with every invocation: name in the report to name of the setting.
    """

    function: ClassVar[str]
    accepts: ClassVar[type]
    reported: ClassVar[Mapping[str, str]] = {}

    def __init__(self, write: Callable[[str], Any] | None = None) -> None:
        self._write = write
        self._cold = True
        self._opened: tuple[FunctionSettings, Opened] | None = None

    @abstractmethod
    def open(self, settings: FunctionSettings, tracer: Tracer) -> Opened:
        """Loads the models and opens the tables or clients that the function needs, under spans of their own."""

    @abstractmethod
    def answer(self, opened: Opened, request: Any, tracer: Tracer) -> dict[str, Any]:
        """The reply to a request."""

    def request(self, body: Mapping[str, Any], settings: FunctionSettings) -> Any:
        """The request in a body, checked before anything is opened; ``k`` is ``top_k`` of the settings by default.

        Raises:
            BadRequest: A field is missing, unknown or of the wrong kind.
        """
        default = {"k": settings.top_k} if hasattr(self.accepts, "k") else {}
        return parse(self.accepts, {**default, **body})

    def __call__(self, event: object, context: object) -> dict[str, Any]:
        """Answers one event.

        Args:
            context: Lambda's context; only its request id is used.

        Returns:
            A proxy response for API Gateway, or the plain reply.

        Raises:
            TesseraError: Called plainly, and the request cannot be answered.
        """
        settings = FunctionSettings.from_environment()
        cold, self._cold = self._cold, False
        tracer, began = Tracer(), time.time()
        request_id = str(getattr(context, "aws_request_id", ""))
        call = Call.of(event)
        outcome = "failed"
        try:
            request = self.request(call.body(), settings)
            if self._opened is None or self._opened[0] != settings:
                self._opened = settings, self.open(settings, tracer)
            reply = self.answer(self._opened[1], request, tracer)
            outcome = "ok"
        except TesseraError as error:
            outcome = "refused" if isinstance(error, BadRequest) else "failed"
            if not call.is_http:
                raise
            return proxy_response(status_of(error), {"error": error.what, "remedy": error.remedy})
        finally:
            trace = tracer.finish()
            properties = {name: str(getattr(settings, setting)) for name, setting in self.reported.items()}
            observed = Observation(self.function, request_id, outcome, cold, began, trace, properties)
            report(observed, self._write or sys.stdout.write)
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
