"""Two ways to send a question to a twin: to the retrieval function alone, or through the state machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from core.serverless.twin.pool import Record
from core.serverless.twin.twin import Asked, Twin

Stage = Literal["retrieval", "pipeline"]
STAGES: tuple[Stage, ...] = get_args(Stage)


@dataclass(frozen=True)
class Reply:
    """What came back: the fields of ``Sample`` that do not depend on when it was sent."""

    outcome: str
    stages: Mapping[str, float]
    spans: Mapping[str, float]
    records: tuple[Record, ...]
    found: tuple[str, ...]
    machine_ms: float


Sender = Callable[[str], Reply]
"""Sends one question and waits for what becomes of it."""


def sender(twin: Twin, stage: Stage, k: int) -> Sender:
    """Sends questions to ``stage`` of a twin, asking for ``k`` passages."""
    if stage == "retrieval":
        return lambda text: _retrieved(twin.invoke("retrieval", {"question": text, "k": k}))
    return lambda text: _piped(twin.ask({"question": text, "k": k}))


def _retrieved(record: Record) -> Reply:
    if record.outcome != "ok":
        return Reply(record.outcome, {}, {}, (record,), (), 0.0)
    reply = record.content()
    stages, spans = _times({"retrieval": reply["function"]})
    return Reply("ok", stages, spans, (record,), _ids(reply), 0.0)


def _piped(asked: Asked) -> Reply:
    execution = asked.execution
    if execution.status != "SUCCEEDED":
        last = asked.records[-1].outcome if asked.records else "error"
        outcome = "timeout" if execution.status == "TIMED_OUT" else last
        return Reply("error" if outcome == "ok" else outcome, {}, {}, asked.records, (), execution.ms)
    stages, spans = _times(execution.output["stages"])
    return Reply("ok", stages, spans, asked.records, _ids(execution.output), execution.ms)


def _times(functions: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, float], dict[str, float]]:
    stages = {stage: float(facts["total_ms"]) for stage, facts in functions.items()}
    spans = {f"{stage}/{name}": float(ms) for stage, facts in functions.items() for name, ms in facts["spans"].items()}
    return stages, spans


def _ids(reply: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(entry["id"] for entry in reply["passages"])
