"""Runs a state machine: one state after another, with Retry, Catch and time limits, as Step Functions does."""

from __future__ import annotations

import json
import queue
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from core.labs.serverless.asl.definition import Definition
from core.labs.serverless.asl.paths import PathMissing, fill, get, put

ALL = "States.ALL"
TASK_FAILED = "States.TaskFailed"
TIMEOUT = "States.Timeout"
NO_PATH = "States.ParameterPathFailure"
NO_CHOICE = "States.NoChoiceMatched"


class StateFailed(Exception):
    """A state failed.

    Attributes:
        name: Name of the error, as Retry and Catch match it.
        cause: What happened; for a Lambda function the JSON it sent.
    """

    def __init__(self, name: str, cause: str) -> None:
        super().__init__(f"{name}: {cause}")
        self.name = name
        self.cause = cause


Task = Callable[[Mapping[str, Any]], Any]
"""Runs a Task's resource with its parameters; raises ``StateFailed``."""


@dataclass(frozen=True)
class Execution:
    """One run of the machine.

    Attributes:
        output: Data after the last state; None unless it succeeded.
        error: Name of the error; empty when it succeeded.
    """

    status: Literal["SUCCEEDED", "FAILED", "TIMED_OUT"]
    output: Any
    error: str
    cause: str
    ms: float


@dataclass
class Interpreter:
    """Runs a state machine.

    Args:
        task: Runs what a Task asks for.
        clock: Seconds, monotonic.
        rng: Draws the jitter of retries.
    """

    definition: Definition
    task: Task
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    rng: random.Random = field(default_factory=random.Random)

    def run(self, data: Any) -> Execution:
        """Executes the machine on ``data``."""
        began = self.clock()
        name: str | None = self.definition.start
        limit = self.definition.timeout_s
        deadline = began + limit if limit else None
        try:
            while name is not None:
                name, data = self._state(name, data, deadline)
        except StateFailed as failed:
            status: Literal["FAILED", "TIMED_OUT"] = "TIMED_OUT" if self._late(deadline) else "FAILED"
            return Execution(status, None, failed.name, failed.cause, (self.clock() - began) * 1000)
        return Execution("SUCCEEDED", data, "", "", (self.clock() - began) * 1000)

    def _state(self, name: str, data: Any, deadline: float | None) -> tuple[str | None, Any]:
        state = self.definition.states[name]
        try:
            if self._late(deadline):
                raise StateFailed(TIMEOUT, "The execution took too long.")
            return self._enter(state, data, deadline)
        except PathMissing as missing:
            raise StateFailed(NO_PATH, f"{missing} leads to nothing in the input of {name}.") from missing
        except StateFailed as failed:
            rule = next((rule for rule in state.get("Catch", ()) if _matches(rule, failed.name)), None)
            if rule is None or self._late(deadline):
                raise
            caught = {"Error": failed.name, "Cause": failed.cause}
            return rule["Next"], _placed(data, rule.get("ResultPath", "$"), caught)

    def _enter(self, state: Mapping[str, Any], data: Any, deadline: float | None) -> tuple[str | None, Any]:
        kind = state["Type"]
        if kind == "Choice":
            return _choose(state, data), data
        if kind == "Succeed":
            return None, data
        if kind == "Fail":
            raise StateFailed(_text_at(state, "Error", data), _text_at(state, "Cause", data))
        parameters = fill(state["Parameters"], data) if "Parameters" in state else data
        if kind == "Pass":
            result = parameters
        else:
            result = self._try(state, parameters, deadline)
            if "ResultSelector" in state:
                result = fill(state["ResultSelector"], result)
        return state.get("Next"), _placed(data, state.get("ResultPath", "$"), result)

    def _try(self, state: Mapping[str, Any], parameters: Any, deadline: float | None) -> Any:
        retries = [0] * len(state.get("Retry", ()))
        while True:
            try:
                return self._attempt(parameters, self._limit(state, deadline))
            except StateFailed as failed:
                rules = enumerate(state.get("Retry", ()))
                number, rule = next(((n, r) for n, r in rules if _matches(r, failed.name)), (0, None))
                if rule is None or retries[number] >= rule.get("MaxAttempts", 3) or self._late(deadline):
                    raise
                self.sleep(self._delay(rule, retries[number]))
                retries[number] += 1

    def _attempt(self, parameters: Any, limit_s: float | None) -> Any:
        """Runs the task in a thread of its own: when it takes too long the state goes on, and the function runs out."""
        ended: queue.Queue[tuple[Any, Exception | None]] = queue.Queue()

        def work() -> None:
            try:
                ended.put((self.task(parameters), None))
            except Exception as failed:  # noqa: BLE001 - carried over to the thread that waits, whatever it is
                ended.put((None, failed))

        if limit_s is None:
            return self.task(parameters)
        threading.Thread(target=work, daemon=True).start()
        try:
            result, failed = ended.get(timeout=max(0.0, limit_s))
        except queue.Empty:
            raise StateFailed(TIMEOUT, f"The task did not end within {limit_s:g} s.") from None
        if failed:
            raise failed
        return result

    def _limit(self, state: Mapping[str, Any], deadline: float | None) -> float | None:
        limits = [state["TimeoutSeconds"]] if "TimeoutSeconds" in state else []
        if deadline is not None:
            limits.append(deadline - self.clock())
        return min(limits, default=None)

    def _delay(self, rule: Mapping[str, Any], retries: int) -> float:
        wait = rule.get("IntervalSeconds", 1) * rule.get("BackoffRate", 2.0) ** retries
        wait = min(wait, rule.get("MaxDelaySeconds", wait))
        return self.rng.uniform(0, wait) if rule.get("JitterStrategy") == "FULL" else wait

    def _late(self, deadline: float | None) -> bool:
        return deadline is not None and self.clock() >= deadline


def _matches(rule: Mapping[str, Any], name: str) -> bool:
    caught = rule["ErrorEquals"]
    return name in caught or ALL in caught or (TASK_FAILED in caught and name != TIMEOUT)


def _placed(data: Any, path: str | None, result: Any) -> Any:
    return data if path is None else put(data, path, result)


def _text_at(state: Mapping[str, Any], what: str, data: Any) -> str:
    if f"{what}Path" not in state:
        return str(state.get(what, ""))
    value = get(data, state[f"{what}Path"])
    return value if isinstance(value, str) else json.dumps(value)


def _choose(state: Mapping[str, Any], data: Any) -> str:
    for rule in state["Choices"]:
        if _holds(rule, data):
            return str(rule["Next"])
    if "Default" not in state:
        raise StateFailed(NO_CHOICE, "No choice fits, and there is no default.")
    return str(state["Default"])


def _holds(rule: Mapping[str, Any], data: Any) -> bool:
    if "And" in rule:
        return all(_holds(part, data) for part in rule["And"])
    if "BooleanEquals" in rule:
        return get(data, rule["Variable"]) is rule["BooleanEquals"]
    try:
        get(data, rule["Variable"])
    except PathMissing:
        return not rule["IsPresent"]
    return bool(rule["IsPresent"])
