"""The local cloud's HTTP front on 127.0.0.1: routes as API Gateway's, and Lambda's own Invoke for boto3.

POST /retrieve /rerank /generate /orchestrate     a function, through an event of an HTTP API
POST /ask                                 the state machine, answered as StartSyncExecution answers
POST /2015-03-31/functions/NAME/invocations   Lambda's Invoke
GET  /health
"""

from __future__ import annotations

import json
import uuid

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core.labs.serverless.asl.interpreter import Execution
from core.labs.serverless.events import http_event
from core.labs.serverless.local_lambda.cloud import LocalCloud
from core.labs.serverless.local_lambda.pool import Record
from core.labs.serverless.requests import BadRequest, read_object
from core.web import BodyLimit, HostCheck, WebServer

ROUTES = {"/retrieve": "retrieval", "/rerank": "rerank", "/generate": "generation", "/orchestrate": "orchestrator"}
_STATUS = {"throttled": 429, "timeout": 504, "error": 502, "crash": 502}
_CONCURRENT_REQUESTS = 64


class Front:
    """Serves a local cloud until it is closed.

    Args:
        port: Where to listen; 0 takes a free one.
        names: Further names under which it may be asked.

    Attributes:
        address: ``http://127.0.0.1:PORT``.
        cloud: What answers; set before the first request.

    Raises:
        TesseraError: The port is taken.
    """

    def __init__(self, port: int = 0, names: str = "") -> None:
        self.cloud: LocalCloud | None = None
        # What the orchestrator calls must find a thread even when everything that came from outside waits for one.
        self._outer, self._inner = CapacityLimiter(_CONCURRENT_REQUESTS), CapacityLimiter(_CONCURRENT_REQUESTS)
        routes = [
            Route("/health", self._health),
            Route("/ask", self._ask, methods=["POST"]),
            Route("/2015-03-31/functions/{name}/invocations", self._invoke, methods=["POST"]),
            *(Route(path, self._function, methods=["POST"]) for path in ROUTES),
        ]
        app = Starlette(routes=routes, exception_handlers={HTTPException: _refused, BadRequest: _bad})
        self._server = WebServer(HostCheck(BodyLimit(app), names), port)
        self.address = self._server.address
        self.start, self.close = self._server.start, self._server.close

    async def _health(self, _: Request) -> Response:
        return JSONResponse({"status": "ok", "workers": len(self._serving().pids())})

    async def _ask(self, request: Request) -> Response:
        cloud, payload = self._serving(), read_object(await request.body())
        run = await run_sync(cloud.ask, payload, limiter=self._outer)
        return JSONResponse(sync_execution(run.execution))

    async def _function(self, request: Request) -> Response:
        cloud, path = self._serving(), request.url.path
        if ROUTES[path] not in cloud.pools:
            raise HTTPException(404)
        event = http_event(path, await request.body(), str(uuid.uuid4()))
        return _proxied(await run_sync(cloud.invoke, ROUTES[path], event, limiter=self._outer))

    async def _invoke(self, request: Request) -> Response:
        pool = self._serving().pools.get(request.path_params["name"])
        if pool is None:
            raise HTTPException(404)
        return _invoked(await run_sync(pool.invoke, await request.body() or b"{}", limiter=self._inner))

    def _serving(self) -> LocalCloud:
        if self.cloud is None:
            raise HTTPException(503)
        return self.cloud


def sync_execution(execution: Execution) -> dict[str, str]:
    """An execution as StartSyncExecution describes it; an HTTP API hands that on as it is, with status 200."""
    if execution.status == "SUCCEEDED":
        return {"status": execution.status, "output": json.dumps(execution.output, ensure_ascii=False)}
    return {"status": execution.status, "error": execution.error, "cause": execution.cause}


def _proxied(record: Record) -> Response:
    if record.outcome != "ok":
        return JSONResponse({"message": record.error_type}, _STATUS[record.outcome])
    reply = record.content()
    return Response(str(reply["body"]), int(reply["statusCode"]), reply["headers"])


def _invoked(record: Record) -> Response:
    headers = {"X-Amz-Executed-Version": "$LATEST"}
    if record.outcome == "throttled":
        reason = "ReservedFunctionConcurrentInvocationLimitExceeded"
        headers["X-Amzn-ErrorType"] = "TooManyRequestsException"
        return JSONResponse({"Type": "User", "Message": "Rate Exceeded.", "Reason": reason}, 429, headers)
    if record.outcome != "ok":
        headers["X-Amz-Function-Error"] = "Unhandled"
    return Response(record.payload, 200, headers, "application/json")


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"message": error.detail}, error.status_code)


async def _bad(_: Request, error: Exception) -> Response:
    assert isinstance(error, BadRequest)
    return JSONResponse({"error": error.what, "remedy": error.remedy}, 400)
