"""The local cloud: a pool of workers for each function, and the state machine over them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.labs.serverless.asl.definition import FILE, load
from core.labs.serverless.asl.interpreter import Execution, Interpreter, StateFailed
from core.labs.serverless.local_lambda.pool import Pool, Record
from core.labs.serverless.local_lambda.process import FunctionConfig
from core.labs.serverless.settings import IndexKind

_STAGES = ("cache", "retrieval", "rerank", "generation")
"""Functions that the state machine calls."""
_ERRORS = {"throttled": "Lambda.TooManyRequestsException", "crash": "Runtime.ExitError", "timeout": "Sandbox.Timedout"}


@dataclass(frozen=True)
class PipelineRun:
    """One execution of the pipeline, with the invocations it took."""

    execution: Execution
    records: tuple[Record, ...]


class LocalCloud(AbstractContextManager["LocalCloud"]):
    """Runs functions and the state machine until it is closed.

    Args:
        functions: What to run. The state machine asks those named "cache", "retrieval", "rerank" and "generation".
        logs: Folder for what the workers write; without one, temporary files.
    """

    def __init__(self, functions: Sequence[FunctionConfig], logs: Path | None = None) -> None:
        self._definition = load(FILE, {f"{name.capitalize()}FunctionArn": name for name in _STAGES})
        if logs:
            logs.mkdir(parents=True, exist_ok=True)
        self.pools = {config.name: Pool(config, logs / f"{config.name}.log" if logs else None) for config in functions}

    def __exit__(self, *error: object) -> None:
        self.close()

    def invoke(self, function: str, payload: Mapping[str, Any]) -> Record:
        """One synchronous invocation of a function.

        Raises:
            KeyError: There is no function of that name.
        """
        return self.pools[function].invoke(json.dumps(payload).encode())

    def ask(self, payload: Any) -> PipelineRun:
        """One execution of the state machine: question in, answer out."""
        records: list[Record] = []

        def task(parameters: Mapping[str, Any]) -> dict[str, Any]:
            record = self.invoke(parameters["FunctionName"], parameters["Payload"])
            records.append(record)
            if record.outcome == "ok":
                return {"StatusCode": 200, "Payload": json.loads(record.payload)}
            name = _ERRORS.get(record.outcome) or record.error_type or "Lambda.Unknown"
            raise StateFailed(name, record.payload.decode())

        execution = Interpreter(self._definition, task).run(payload)
        return PipelineRun(execution, tuple(records))

    def pids(self) -> list[int]:
        """All worker processes that run now."""
        return sorted(pid for pool in self.pools.values() for pid in pool.pids())

    def close(self) -> None:
        """Ends all workers and waits until they are gone."""
        for pool in self.pools.values():
            pool.close()


def rag_functions(
    index_url: str,
    kind: IndexKind,
    concurrency: int = 2,
    endpoint: str = "",
    generation: bool = True,
    results_url: str = "",
) -> list[FunctionConfig]:
    """The functions of Tessera as the template in deploy/ has them, with local models.

    Args:
        concurrency: Workers of the retrieval function; generation and re-ranking get one, for a model takes half a
            gigabyte.
        endpoint: Address of the local cloud's HTTP front, for the orchestrator; without it, no orchestrator.
        generation: Whether there is anyone to answer, and to re-rank.
        results_url: Where results are kept; without it, no cache function.
    """
    environment = {"TESSERA_INDEX_URL": index_url, "TESSERA_INDEX_KIND": kind}
    functions = [_function("retrieval", 2048, concurrency, environment)]
    if generation:
        functions += [_function("rerank", 2048, 1), _function("generation", 3008, 1)]
    if results_url:
        functions.append(_function("cache", 512, concurrency, {**environment, "TESSERA_RESULTS_URL": results_url}))
    if endpoint:
        client = {
            "AWS_ENDPOINT_URL_LAMBDA": endpoint,
            "AWS_DEFAULT_REGION": os.environ.get("AWS_DEFAULT_REGION", "us-east-1"),
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
        }
        functions.append(_function("orchestrator", 512, 1, client, 120.0))
    return functions


def _function(
    name: str, memory_mb: int, concurrency: int, environment: Mapping[str, str] | None = None, timeout_s: float = 60.0
) -> FunctionConfig:
    handler = f"core.labs.serverless.handlers.{name}.handler"
    return FunctionConfig(name, handler, memory_mb, timeout_s, concurrency, environment=environment or {})
