"""One worker process: ``python -m core.labs.serverless.worker MODULE.FUNCTION``, asked through the Lambda Runtime API.

The handler runs under ``awslambdaric``, the client that Lambda itself runs, wherever that is installed. Elsewhere (it
has no wheel for every machine) ``serve`` speaks the same protocol: next invocation, response or error, again. A worker
whose parent is gone ends by itself, so a local cloud that is killed leaves no process behind.
"""

from __future__ import annotations

import http.client
import importlib
import importlib.util
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

API_VARIABLE = "AWS_LAMBDA_RUNTIME_API"
PARENT_VARIABLE = "TESSERA_LAMBDA_PID"
VERSION = "2018-06-01"
_POLL_S = 0.5


@dataclass(frozen=True)
class Context:
    """The part of Lambda's context that the handlers use."""

    aws_request_id: str


def runs_under_lambda_client() -> bool:
    """Whether Lambda's own runtime interface client is installed."""
    return importlib.util.find_spec("awslambdaric") is not None


def main(arguments: list[str]) -> None:
    """Runs a handler until the local cloud goes away.

    Args:
        arguments: Program name and the handler, as ``module.function``.
    """
    parent = os.environ.get(PARENT_VARIABLE, "")
    if parent:
        threading.Thread(target=_end_with, args=(int(parent),), daemon=True).start()
    if runs_under_lambda_client():
        from awslambdaric.__main__ import main as run

        run(arguments)
        return
    module, _, function = arguments[1].rpartition(".")
    serve(getattr(importlib.import_module(module), function), os.environ[API_VARIABLE])


def serve(handler: Callable[[Any, Any], Any], address: str) -> None:
    """Asks for invocations and answers them, one at a time, until the Runtime API is gone."""
    while True:
        connection = http.client.HTTPConnection(address)
        try:
            connection.request("GET", f"/{VERSION}/runtime/invocation/next")
            reply = connection.getresponse()
            request_id = reply.headers["Lambda-Runtime-Aws-Request-Id"]
            os.environ["_X_AMZN_TRACE_ID"] = reply.headers.get("Lambda-Runtime-Trace-Id", "")
            event = json.loads(reply.read())
            kind, content = _invoke(handler, event, Context(request_id))
            connection.request("POST", f"/{VERSION}/runtime/invocation/{request_id}/{kind}", json.dumps(content))
            connection.getresponse().read()
        except (ConnectionError, http.client.HTTPException):
            return
        finally:
            connection.close()


def _invoke(handler: Callable[[Any, Any], Any], event: Any, context: Context) -> tuple[str, Any]:
    try:
        return "response", handler(event, context)
    except Exception as error:  # noqa: BLE001 - the protocol: every error of a handler is reported to Lambda by name
        return "error", {"errorType": type(error).__name__, "errorMessage": str(error), "stackTrace": []}


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_S)
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv)
