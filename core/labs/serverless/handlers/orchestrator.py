"""The orchestrator, the baseline to the state machine: one function that calls the other two and waits for both.

Simple, and paid for twice: while a called function works, this one is billed for waiting. It asks Lambda through boto3;
``AWS_ENDPOINT_URL_LAMBDA`` leads the same calls to the local twin.

    {"question": "...", "k": 3} -> {"question", "answer", "passages", "stages", "function"}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from core.errors import TesseraError
from core.labs.serverless.handlers.frame import Frame, Kept, Throttled
from core.labs.serverless.requests import BadRequest, RetrievalRequest
from core.labs.serverless.settings import FunctionSettings
from core.trace import Tracer

_frame = Frame("orchestrator")


class CallFailed(TesseraError):
    """A function that was called failed or could not be called."""


class Orchestrator:
    """Retrieval, then generation, by synchronous invocations.

    Args:
        client: A boto3 client of Lambda.
        retrieval: Name or ARN of the retrieval function.
        generation: Name or ARN of the generation function.
    """

    def __init__(self, client: Any, retrieval: str, generation: str) -> None:
        self._client = client
        self._retrieval = retrieval
        self._generation = generation

    def answer(self, request: RetrievalRequest, tracer: Tracer) -> dict[str, Any]:
        """Runs both; see ``invoke`` for errors."""
        with tracer.span("retrieval"):
            found = self.invoke(self._retrieval, {"question": request.question, "k": request.k})
        passages = [{name: entry[name] for name in ("id", "title", "text")} for entry in found["passages"]]
        with tracer.span("generation"):
            said = self.invoke(self._generation, {"question": request.question, "passages": passages})
        return {
            "question": request.question,
            "answer": said["answer"],
            "passages": found["passages"],
            "stages": {"retrieval": found["function"], "generation": said["function"]},
        }

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


def open_orchestrator(settings: FunctionSettings) -> Orchestrator:
    """Opens the client; region, credentials and endpoint come from the environment, as boto3 has it."""
    import boto3
    from botocore.config import Config

    # One attempt: a retry here would hide a throttle, and the caller could not tell a slow answer from two.
    config = Config(retries={"total_max_attempts": 1}, read_timeout=300)
    client = boto3.client("lambda", config=config)
    return Orchestrator(client, settings.retrieval_function, settings.generation_function)


_kept: Kept[Orchestrator] = Kept()


def handler(event: object, context: object) -> dict[str, Any]:
    """Lambda's entry point."""
    settings = FunctionSettings.from_environment()

    def work(body: Mapping[str, Any], tracer: Tracer) -> dict[str, Any]:
        request = RetrievalRequest.parse(body, settings.base.top_k)
        return _kept.get(settings, lambda: open_orchestrator(settings)).answer(request, tracer)

    return _frame.run(event, context, work)
