"""Requests of a load: how one is sent and timed, and statistics over many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from core.labs.serverless.local_lambda.cloud import LocalCloud, PipelineRun
from core.labs.serverless.local_lambda.pool import Record

Stage = Literal["retrieval", "pipeline"]
STAGES: tuple[Stage, ...] = get_args(Stage)


@dataclass(frozen=True)
class Reply:
    """A response: the fields of ``Sample`` that do not depend on when the request was sent."""

    outcome: str
    stages: Mapping[str, float]
    spans: Mapping[str, float]
    records: tuple[Record, ...]
    found: tuple[str, ...]
    machine_ms: float


Sender = Callable[[str], Reply]
"""Sends one question and waits for what becomes of it."""


def sender(cloud: LocalCloud, stage: Stage, k: int, rerank: bool = False, cache: bool = False) -> Sender:
    """Sends questions to ``stage`` of a local cloud, asking for ``k`` passages."""
    if stage == "retrieval":
        return lambda text: _retrieved(cloud.invoke("retrieval", {"question": text, "k": k}))
    return lambda text: _piped(cloud.ask({"question": text, "k": k, "rerank": rerank, "cache": cache}))


def _retrieved(record: Record) -> Reply:
    if record.outcome != "ok":
        return Reply(record.outcome, {}, {}, (record,), (), 0.0)
    reply = record.content()
    stages, spans = _times({"retrieval": reply["function"]})
    return Reply("ok", stages, spans, (record,), _ids(reply), 0.0)


def _piped(run: PipelineRun) -> Reply:
    execution = run.execution
    if execution.status != "SUCCEEDED":
        last = run.records[-1].outcome if run.records else "error"
        outcome = "timeout" if execution.status == "TIMED_OUT" else last
        return Reply("error" if outcome == "ok" else outcome, {}, {}, run.records, (), execution.ms)
    stages, spans = _times({name: facts for name, facts in execution.output["stages"].items() if facts})
    return Reply("ok", stages, spans, run.records, _ids(execution.output), execution.ms)


def _times(functions: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, float], dict[str, float]]:
    stages = {stage: float(facts["total_ms"]) for stage, facts in functions.items()}
    spans = {f"{stage}/{name}": float(ms) for stage, facts in functions.items() for name, ms in facts["spans"].items()}
    return stages, spans


def _ids(reply: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(entry["id"] for entry in reply["passages"])


OUTCOMES = ("ok", "throttled", "timeout", "crash", "error")
_CDF_POINTS = 101
_FUNCTIONS = {"lookup": "cache", "keep": "cache"}
"""The function of a stage, where it is called otherwise."""


@dataclass(frozen=True)
class Sample:
    """One request.

    Attributes:
        question: Index of the question that was asked.
        at_s: When it was due, in seconds from the start of the load.
        latency_ms: From when it was due to its answer, so that a late start counts, too.
        stages: Stage to ms inside the function, as it measured itself; empty unless the request succeeded.
        spans: "stage/span" to ms, likewise.
        found: Ids of the passages, best first.
        machine_ms: Length of the state machine's execution; 0 without one.
    """

    question: int
    at_s: float
    latency_ms: float
    outcome: str
    stages: Mapping[str, float]
    spans: Mapping[str, float]
    records: tuple[Record, ...]
    found: tuple[str, ...]
    machine_ms: float = 0.0

    @property
    def cold(self) -> bool:
        """Whether a worker was started for it."""
        return any(record.cold for record in self.records)

    @property
    def ended_s(self) -> float:
        """When it was answered, in seconds from the start of the load."""
        return self.at_s + self.latency_ms / 1000


@dataclass(frozen=True)
class Distribution:
    """Latencies in ms."""

    n: int
    mean: float
    p50: float
    p90: float
    p99: float
    cdf: tuple[float, ...]


@dataclass(frozen=True)
class Billing:
    """The bill of one function.

    Attributes:
        warm: Invocations of a worker that was there.
        warm_gb_s: Their GB-seconds.
        cold: Invocations that started a worker.
        cold_gb_s: Their GB-seconds, the start included.
    """

    warm: int
    warm_gb_s: float
    cold: int
    cold_gb_s: float


@dataclass(frozen=True)
class Load:
    """Summary of a load.

    Attributes:
        seconds: From the first request to the last answer.
        throughput_rps: Successes per second over that time.
        latency: Of successes; None when there was none.
        init_ms: Median start of a worker until it asked for work; 0 without cold starts.
        billing: Function name to what was billed.
        machine_ms: Length of all executions of the state machine.
        stages: Stage to its median ms in the warm successes that went through it.
        shares: Function to its share of the time inside all functions, over all warm successes.
        calls: Stage to the successes that went through it.
    """

    requests: int
    outcomes: dict[str, int]
    seconds: float
    throughput_rps: float
    latency: Distribution | None
    cold_starts: int
    init_ms: float
    billing: dict[str, Billing]
    machine_ms: float
    stages: dict[str, float]
    shares: dict[str, float] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)


def distribution(latencies: Sequence[float]) -> Distribution | None:
    """Mean, percentiles and CDF; None of nothing."""
    if not len(latencies):
        return None
    values = np.asarray(latencies, dtype=np.float64)
    p50, p90, p99 = (float(q) for q in np.percentile(values, (50, 90, 99)))
    cdf = tuple(float(q) for q in np.quantile(values, np.linspace(0, 1, _CDF_POINTS)))
    return Distribution(len(values), float(values.mean()), p50, p90, p99, cdf)


def summarise(samples: Sequence[Sample]) -> Load:
    """Summarises a load, or the samples of several loads together."""
    good = [sample for sample in samples if sample.outcome == "ok"]
    warm = [sample for sample in good if not sample.cold]
    records = [record for sample in samples for record in sample.records if record.outcome != "throttled"]
    starts = [record.init_ms for record in records if record.cold]
    seconds = max((sample.ended_s for sample in samples), default=0.0)
    names = sorted({record.function for record in records})
    return Load(
        requests=len(samples),
        outcomes={name: sum(sample.outcome == name for sample in samples) for name in OUTCOMES},
        seconds=seconds,
        throughput_rps=len(good) / seconds if seconds else 0.0,
        latency=distribution([sample.latency_ms for sample in good]),
        cold_starts=len(starts),
        init_ms=float(np.median(starts)) if starts else 0.0,
        billing={name: _billing([record for record in records if record.function == name]) for name in names},
        machine_ms=sum(sample.machine_ms for sample in samples),
        stages=_medians([sample.stages for sample in warm]),
        shares=_shares([sample.stages for sample in warm]),
        calls=dict(Counter(name for sample in good for name in sample.stages)),
    )


def gigabyte_seconds(record: Record) -> float:
    """Billed GB-seconds of an invocation: memory in GB (of 1,024 MB) times billed seconds."""
    return record.memory_mb / 1024 * record.billed_ms / 1000


def _billing(records: Sequence[Record]) -> Billing:
    cold = [gigabyte_seconds(record) for record in records if record.cold]
    warm = [gigabyte_seconds(record) for record in records if not record.cold]
    return Billing(len(warm), sum(warm), len(cold), sum(cold))


def _medians(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {name: float(np.median([row[name] for row in rows if name in row])) for name in names}


def _shares(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    spent: dict[str, float] = {}
    for row in rows:
        for stage, ms in row.items():
            function = _FUNCTIONS.get(stage, stage)
            spent[function] = spent.get(function, 0.0) + ms
    return {name: ms / (sum(spent.values()) or 1.0) for name, ms in spent.items()}
