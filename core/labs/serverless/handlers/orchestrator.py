"""The orchestrator, the baseline to the state machine: one function that calls the others and waits for each.

Simple, and paid for twice: while a called function works, this one is billed for waiting. It asks Lambda through boto3;
``AWS_ENDPOINT_URL_LAMBDA`` leads the same calls to the local cloud.

    {"question": "...", "k": 3, "rerank": false, "cache": false}
        -> {"question", "answer", "passages", "cached", "stages", "function"}
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from core.errors import TesseraError
from core.labs.serverless.handlers.base import Handler, Throttled
from core.labs.serverless.requests import BadRequest, RetrievalRequest
from core.labs.serverless.settings import FunctionSettings
from core.trace import Tracer

_LOG = logging.getLogger(__name__)


class CallFailed(TesseraError):
    """A function that was called failed or could not be called."""


class Orchestrator:
    """Retrieval, re-ranking and the cache where they are asked for, and generation, by synchronous invocations.

    Args:
        settings: Names or ARNs of the functions.
    """

    def __init__(self, client: Any, settings: FunctionSettings) -> None:
        self._client, self._names = client, settings

    def answer(self, request: RetrievalRequest, tracer: Tracer) -> dict[str, Any]:
        """Runs all that the request asks for; see ``invoke`` for errors. A cache that fails costs no answer."""
        names, body, question = self._names, asdict(request), request.question
        stages: dict[str, Any] = {}
        if request.cache:
            known = self._cached(names.cache_function, body, "lookup", stages, tracer)
            if known and known["hit"]:
                return {"question": question, **known["result"], "cached": True, "stages": stages}
        with tracer.span("retrieval"):
            retrieved = self.invoke(names.retrieval_function, body)
        stages["retrieval"], passages = retrieved["function"], retrieved["passages"]
        if request.rerank:
            with tracer.span("rerank"):
                payload = {"question": question, "passages": passages, "k": request.k}
                ranked = self.invoke(names.rerank_function, payload)
            stages["rerank"], passages = ranked["function"], ranked["passages"]
        with tracer.span("generation"):
            generated = self.invoke(names.generation_function, {"question": question, "passages": passages})
        stages["generation"] = generated["function"]
        result = {"answer": generated["answer"], "passages": passages}
        if request.cache:
            self._cached(names.cache_function, {"request": body, "result": result}, "keep", stages, tracer)
        return {"question": question, **result, "cached": False, "stages": stages}

    def _cached(
        self, function: str, payload: Mapping[str, Any], stage: str, stages: dict[str, Any], tracer: Tracer
    ) -> dict[str, Any] | None:
        with tracer.span(stage):
            try:
                reply = self.invoke(function, payload)
            except (CallFailed, Throttled) as error:
                _LOG.warning("%s", error)
                return None
        stages[stage] = reply["function"]
        return reply

    def invoke(self, function: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """One synchronous invocation.

        Raises:
            BadRequest: The function refused what it was asked.
            Throttled: It is at its concurrency limit.
            CallFailed: It failed, or could not be called.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            reply = self._client.invoke(FunctionName=function, Payload=json.dumps(payload).encode())
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "an error")
            if code == "TooManyRequestsException":
                raise Throttled(f"{function} is at its concurrency limit.", "Try again in a moment.") from error
            raise CallFailed(f"Lambda answered {code} for {function}.", "Check its name and the rights.") from error
        except BotoCoreError as error:
            raise CallFailed(f"{function} could not be called: {error}.", "Check region and connection.") from error
        content = json.loads(reply["Payload"].read())
        if "FunctionError" not in reply:
            return dict(content)
        kind, message = content.get("errorType", "an error"), str(content.get("errorMessage", ""))
        if kind == BadRequest.__name__:
            raise BadRequest(message)
        raise CallFailed(f"{function} failed with {kind}.", "See its log.")


class OrchestratorHandler(Handler[Orchestrator]):
    """Calls the other functions for each request."""

    function = "orchestrator"
    accepts = RetrievalRequest

    def open(self, settings: FunctionSettings, tracer: Tracer) -> Orchestrator:
        """The client of Lambda; region, credentials and endpoint come from the environment, as boto3 has it."""
        import boto3
        from botocore.config import Config

        # One attempt: a retry here would hide a throttle, and the caller could not tell a slow answer from two.
        config = Config(retries={"total_max_attempts": 1}, read_timeout=300)
        return Orchestrator(boto3.client("lambda", config=config), settings)

    def answer(self, opened: Orchestrator, request: RetrievalRequest, tracer: Tracer) -> dict[str, Any]:
        """See ``Handler.answer``."""
        return opened.answer(request, tracer)


handler = OrchestratorHandler()
