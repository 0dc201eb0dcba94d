"""The workers of one function: started when they are needed, throttled at the limit, ended when idle.

As on Lambda, nothing waits in line: a synchronous request takes an idle worker, starts one (a cold start), or is
throttled. What is simulated is the placement alone; processes, imports, models and time-outs are real.
"""

from __future__ import annotations

import json
import math
import secrets
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from core.labs.serverless.local_lambda.process import FunctionConfig, Worker
from core.labs.serverless.local_lambda.runtime_api import FunctionReply, Invocation
from core.labs.serverless.telemetry import trace_header

Outcome = Literal["ok", "error", "throttled", "timeout", "crash"]
_POLL_S = 0.25


@dataclass(frozen=True)
class Record:
    """One invocation: what Lambda writes in its REPORT line, and how it ended.

    Attributes:
        outcome: "error" is raised by the handler, "crash" is the end of its process, "timeout" its killing.
        cold: Whether a worker was started for it.
        init_ms: Start of that worker; 0 for a warm one.
        duration_ms: From handing it to the worker to its reply; 0 when throttled.
        billed_ms: Start and duration, rounded up to a whole ms, as container images are billed.
        payload: JSON of the reply, or of the error as ``{"errorType", "errorMessage"}``.
    """

    request_id: str
    function: str
    outcome: Outcome
    cold: bool
    init_ms: float
    duration_ms: float
    billed_ms: int
    memory_mb: int
    payload: bytes

    @property
    def error_type(self) -> str:
        """Name of the error; empty when there was none."""
        return "" if self.outcome == "ok" else str(self.content().get("errorType", ""))

    def content(self) -> dict[str, Any]:
        """The payload as an object."""
        content = json.loads(self.payload)
        return content if isinstance(content, dict) else {"payload": content}


class Pool:
    """All workers of a function; safe to be asked by many threads.

    Args:
        log: File for what its workers write; without one, a temporary file.
    """

    def __init__(self, config: FunctionConfig, log: Path | None = None) -> None:
        self.config = config
        self._scratch = tempfile.TemporaryDirectory(prefix="tessera-lambda-") if log is None else None
        self.log = Path(self._scratch.name) / f"{config.name}.log" if self._scratch else log or Path()
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._all: set[Worker] = set()
        self._closing = threading.Event()
        self._reaper = threading.Thread(target=self._reap, daemon=True)
        self._reaper.start()

    def invoke(self, payload: bytes) -> Record:
        """Runs one synchronous invocation."""
        request_id = str(uuid.uuid4())
        worker, cold = self._claim()
        if worker is None:
            error = _error("TooManyRequestsException", "Rate Exceeded.")
            return Record(request_id, self.config.name, "throttled", False, 0, 0, 0, self.config.memory_mb, error)
        return self._run(worker, cold, request_id, payload)

    def pids(self) -> list[int]:
        """Processes that run now."""
        with self._lock:
            return sorted(worker.pid for worker in self._all if worker.alive)

    def close(self) -> None:
        """Ends all workers and waits until they are gone; later requests are throttled."""
        self._closing.set()
        self._reaper.join()
        with self._lock:
            workers, self._idle, self._all = list(self._all), [], set()
        for worker in workers:
            worker.close()
        if self._scratch:
            self._scratch.cleanup()

    def _claim(self) -> tuple[Worker | None, bool]:
        with self._lock:
            while self._idle:
                worker = self._idle.pop()  # the one used last is the warmest, and lets the others expire
                if worker.alive:
                    return worker, False
                self._all.discard(worker)
                threading.Thread(target=worker.close, daemon=True).start()
            if len(self._all) >= self.config.concurrency or self._closing.is_set():
                return None, False
            worker = Worker(self.config, self.log)
            self._all.add(worker)
            return worker, True

    def _run(self, worker: Worker, cold: bool, request_id: str, payload: bytes) -> Record:
        failed = worker.wait_ready() if cold else None
        init_ms = worker.init_ms if cold else 0.0
        began = time.monotonic()
        if failed is None:
            deadline = time.time() + self.config.timeout_s
            invocation = Invocation(request_id, payload, deadline, self.config.arn, trace_header())
            reply = worker.invoke(invocation)
        else:
            reply = failed
        ended = reply.at if reply else time.monotonic()
        outcome, content = self._outcome(reply)
        self._give_back(worker, outcome)
        duration = max(0.0, (ended - began) * 1000) if failed is None else 0.0
        billed = math.ceil(init_ms + duration)
        name, memory = self.config.name, self.config.memory_mb
        return Record(request_id, name, outcome, cold, init_ms, duration, billed, memory, content)

    def _outcome(self, reply: FunctionReply | None) -> tuple[Outcome, bytes]:
        if reply is None:
            return "timeout", _error("Sandbox.Timedout", f"Task timed out after {self.config.timeout_s:.2f} seconds")
        if reply.kind == "response":
            return "ok", reply.content
        if reply.kind == "error":
            return "error", reply.content
        if reply.kind == "init error":
            return "crash", reply.content or _error("Sandbox.Timedout", "The function did not start in time")
        return "crash", _error("Runtime.ExitError", "Runtime exited without providing a reason")

    def _give_back(self, worker: Worker, outcome: Outcome) -> None:
        with self._lock:
            if outcome in ("ok", "error") and worker.alive and not self._closing.is_set():
                worker.idle_since = time.monotonic()
                self._idle.append(worker)
                return
            known = worker in self._all
            self._all.discard(worker)
        if known:
            worker.close()

    def _reap(self) -> None:
        while not self._closing.wait(_POLL_S):
            oldest = time.monotonic() - self.config.idle_s
            with self._lock:
                expired = [worker for worker in self._idle if worker.idle_since < oldest or not worker.alive]
                self._idle = [worker for worker in self._idle if worker not in expired]
                self._all.difference_update(expired)
            for worker in expired:
                worker.close()


def _error(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message, "requestId": secrets.token_hex(4)}).encode()
