"""One execution environment: a worker process, its Runtime API, and the one invocation it works on."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.labs.serverless.local_lambda.runtime_api import FunctionReply, Invocation, RuntimeApi
from core.labs.serverless.worker import API_VARIABLE, PARENT_VARIABLE
from core.settings import ROOT

_SHUTDOWN_S = 5.0


@dataclass(frozen=True)
class FunctionConfig:
    """A function as the local cloud runs it; the names are Lambda's.

    Attributes:
        handler: ``module.function``.
        memory_mb: What it is billed for; the local cloud does not limit memory.
        timeout_s: Longest invocation; its worker is killed then.
        concurrency: Most workers at once; a request beyond them is throttled.
        idle_s: A worker that has had nothing to do for as long is ended.
    """

    name: str
    handler: str
    memory_mb: int = 1769
    timeout_s: float = 60.0
    concurrency: int = 2
    idle_s: float = 300.0
    init_timeout_s: float = 60.0
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        """A name of the form that Lambda gives; account 000000000000 is not assigned."""
        return f"arn:aws:lambda:us-east-1:000000000000:function:{self.name}"


class Worker:
    """A process of a function. Serves one invocation at a time; its pool sees to that.

    Args:
        log: File that takes what the process writes.

    Attributes:
        idle_since: Monotonic seconds.
    """

    def __init__(self, config: FunctionConfig, log: Path) -> None:
        self._config = config
        self._api = RuntimeApi()
        self._began = time.monotonic()
        self.idle_since = self._began
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "core.labs.serverless.worker", config.handler],
                cwd=ROOT,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C goes to the local cloud alone, which then ends its workers in order
            )
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    @property
    def init_ms(self) -> float:
        """From the start of the process to its first question for work; 0 until then."""
        return (self._api.started_at - self._began) * 1000 if self._api.started.is_set() else 0.0

    def wait_ready(self) -> FunctionReply | None:
        """Waits until the process asks for work; what it reported instead when it did not, None when it did."""
        deadline = self._began + self._config.init_timeout_s
        while not self._api.started.wait(0.01):
            try:
                return self._api.replies.get_nowait()
            except queue.Empty:
                if time.monotonic() > deadline:
                    self.kill()
                    return FunctionReply("init error", "", b"", time.monotonic())
        return None

    def invoke(self, invocation: Invocation) -> FunctionReply | None:
        """Runs one invocation; None when it did not end by its deadline, in which case the process is killed."""
        self._api.give(invocation)
        deadline = time.monotonic() + (invocation.deadline - time.time())
        while True:
            try:
                reply = self._api.replies.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                self.kill()
                return None
            if reply.kind == "exit" or reply.request_id == invocation.request_id:
                return reply

    def kill(self) -> None:
        """Ends the process at once, as Lambda does after a time-out."""
        self._process.kill()

    def close(self) -> None:
        """Ends the process, in order when it listens, and waits until it is gone."""
        if self.alive:
            self._process.terminate()
            try:
                self._process.wait(_SHUTDOWN_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()
        self._watcher.join()
        self._api.close()

    def _watch(self) -> None:
        self._process.wait()
        self._api.replies.put(FunctionReply("exit", "", b"", time.monotonic()))

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
            "TOKENIZERS_PARALLELISM": "false",
            **self._config.environment,
            API_VARIABLE: self._api.address,
            PARENT_VARIABLE: str(os.getpid()),
            "AWS_LAMBDA_FUNCTION_NAME": self._config.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self._config.memory_mb),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "_HANDLER": self._config.handler,
            "LAMBDA_TASK_ROOT": str(ROOT),
        }
