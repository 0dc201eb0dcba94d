"""An open-loop load: every request is sent when it is due, and timed from then (no coordinated omission).

A load ends when its arrivals do, or earlier, when the running mean has settled: once the rate is at its top, the mean
latency of all successes so far has stayed within 2 % of itself over the last 50 of them.

Cold starts are made on purpose: as many requests at once as there may be workers, to functions that have none.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core.jobs import Progress
from core.labs.serverless.settings import IndexKind
from core.labs.serverless.study.config import Arrivals
from core.labs.serverless.study.samples import Sample, Sender
from core.messages import message

SETTLED_OVER = 50
SETTLED_WITHIN = 0.02
_IN_FLIGHT = 128
_TICK_S = 0.5


@dataclass
class Running:
    """Samples of a load under way; filled by many threads."""

    samples: list[Sample] = field(default_factory=list)
    _means: list[float] = field(default_factory=list)
    _sum: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, sample: Sample) -> None:
        """Takes one sample."""
        with self._lock:
            self.samples.append(sample)
            if sample.outcome == "ok":
                self._sum += sample.latency_ms
                self._means.append(self._sum / (len(self._means) + 1))

    def settled(self) -> bool:
        """Whether the running mean has stopped moving."""
        with self._lock:
            recent = self._means[-SETTLED_OVER:]
        return len(recent) == SETTLED_OVER and max(recent) - min(recent) <= SETTLED_WITHIN * recent[-1]

    def snapshot(self) -> list[Sample]:
        """The samples so far."""
        with self._lock:
            return list(self.samples)


def run_load(
    send: Sender, questions: Sequence[str], arrivals: Arrivals, seed: int, label: str = "Load"
) -> Generator[Progress, None, list[Sample]]:
    """Sends questions drawn at random; closing the generator stops sending and waits for what is under way.

    Args:
        seed: Of the arrivals and of the draw of questions.

    Returns:
        All samples in the order in which they ended.
    """
    due = arrivals.draw(seed)
    chosen = np.random.default_rng([seed, 1]).integers(0, len(questions), len(due)).tolist()
    running, began = Running(), time.monotonic()

    def ask(number: int, at_s: float) -> None:
        reply = send(questions[number])
        latency = (time.monotonic() - began - at_s) * 1000
        running.add(Sample(number, at_s, latency, **vars(reply)))

    futures: list[Future[None]] = []
    threads = ThreadPoolExecutor(_IN_FLIGHT, thread_name_prefix="load")
    try:
        tick = 0.0
        for number, at_s in zip(chosen, due, strict=True):
            while True:
                t = time.monotonic() - began
                if t >= tick:
                    yield _progress(label, running, arrivals, t)
                    tick = t + _TICK_S
                if t >= at_s:
                    break
                time.sleep(min(at_s - t, _TICK_S))
            if at_s > arrivals.ramp_s and running.settled():
                break
            futures.append(threads.submit(ask, number, at_s))
        while any(not future.done() for future in futures):
            yield _progress(label, running, arrivals, time.monotonic() - began)
            time.sleep(_TICK_S / 5)
    finally:
        threads.shutdown(wait=True, cancel_futures=True)
    for future in futures:
        future.result()  # a bug in a sender must reach the person, not vanish with its thread
    return running.snapshot()


def _progress(label: str, running: Running, arrivals: Arrivals, t: float) -> Progress:
    samples = running.snapshot()
    recent = [sample for sample in samples if sample.ended_s > t - 5]
    good = [sample for sample in recent if sample.outcome == "ok"]
    latencies = [sample.latency_ms for sample in good]
    counts = {name: sum(sample.outcome == name for sample in samples) for name in ("ok", "throttled")}
    names = dict.fromkeys(name for sample in good for name in sample.stages)
    stages = {name: float(np.median([sample.stages.get(name, 0.0) for sample in good])) for name in names}
    data = {
        "load": label,
        "t": t,
        "rate": arrivals.rate(min(t, arrivals.seconds)),
        "ok": counts["ok"],
        "throttled": counts["throttled"],
        "failed": len(samples) - sum(counts.values()),
        "cold": sum(record.cold for sample in samples for record in sample.records),
        "p50_ms": float(np.percentile(latencies, 50)) if latencies else None,
        "p99_ms": float(np.percentile(latencies, 99)) if latencies else None,
        "stages": stages,
    }
    note = message("{ok} answered, {throttled} throttled", ok=counts["ok"], throttled=counts["throttled"])
    return Progress(label, min(int(t), int(arrivals.seconds)), max(1, int(arrivals.seconds)), note, data)


def cold_starts(
    senders: Mapping[IndexKind, Sender], questions: Sequence[str], count: int, label: str
) -> Generator[Progress, None, dict[IndexKind, list[Sample]]]:
    """Starts ``count`` workers of every index, one index after another.

    Args:
        senders: One per index; their functions have no worker yet.
        questions: The first ``count`` are asked, again from the front when there are fewer.
    """
    started: dict[IndexKind, list[Sample]] = {}
    for number, (kind, send) in enumerate(senders.items()):
        yield Progress(message("Cold starts, {what}", what=label), number, len(senders), kind)
        with ThreadPoolExecutor(count) as threads:
            started[kind] = list(threads.map(lambda row, send=send: _sample(send, questions, row), range(count)))
    return started


def cold_summary(samples: Sequence[Sample]) -> dict[str, Any]:
    """Medians over the cold starts that succeeded: in all, to start the process, and what the function then loaded."""
    cold = [sample for sample in samples if sample.outcome == "ok" and sample.cold]
    if not cold:
        return {"n": 0, "p50_ms": 0.0, "init_ms": 0.0, "spans": {}}
    init = [sum(record.init_ms for record in sample.records) for sample in cold]
    names = dict.fromkeys(name for sample in cold for name in sample.spans)
    spans = {name: float(np.median([sample.spans.get(name, 0.0) for sample in cold])) for name in names}
    median = float(np.median([sample.latency_ms for sample in cold]))
    return {"n": len(cold), "p50_ms": median, "init_ms": float(np.median(init)), "spans": spans}


def _sample(send: Sender, questions: Sequence[str], row: int) -> Sample:
    number = row % len(questions)
    began = time.monotonic()
    reply = send(questions[number])
    return Sample(number, 0.0, (time.monotonic() - began) * 1000, **vars(reply))
