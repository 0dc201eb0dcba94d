"""Cold starts on purpose: as many requests at once as there may be workers, to functions that have none."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from core.jobs import Progress
from core.said import said
from core.serverless.settings import IndexKind
from core.serverless.study.samples import Sample
from core.serverless.study.senders import Sender


def cold_starts(
    senders: Mapping[IndexKind, Sender], questions: Sequence[str], count: int, label: str
) -> Generator[Progress, None, dict[IndexKind, list[Sample]]]:
    """Starts ``count`` workers of every index, one index after another.

    Args:
        senders: One per index; their functions have no worker yet.
        questions: The first ``count`` are asked, again from the front when there are fewer.
        count: Requests at once.
        label: For the progress.
    """
    started: dict[IndexKind, list[Sample]] = {}
    for number, (kind, send) in enumerate(senders.items()):
        yield Progress(said("Cold starts, {what}", what=label), number, len(senders), kind)
        with ThreadPoolExecutor(count) as threads:
            asked = threads.map(lambda row, send=send: _sample(send, questions, row), range(count))
            started[kind] = list(asked)
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
