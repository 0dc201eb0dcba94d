"""Times of one answer, and the spread of many."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class AnswerTime:
    """How long one answer took."""

    ttft_ms: float
    total_ms: float


class Stopwatch:
    """Runs from the moment it is made.

    Args:
        synchronise: Waits until the device has finished its queued work.
    """

    def __init__(self, synchronise: Callable[[], None] = lambda: None) -> None:
        synchronise()
        self._synchronise = synchronise
        self._first: float | None = None
        self._began = time.perf_counter()

    def first(self) -> None:
        """The first token is there; later calls change nothing."""
        if self._first is None:
            self._first = self._now()

    def stop(self) -> AnswerTime:
        """The last token is there; without ``first`` it was the first, too."""
        now = self._now()
        return AnswerTime(now if self._first is None else self._first, now)

    def _now(self) -> float:
        self._synchronise()
        return (time.perf_counter() - self._began) * 1000


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, 10th and 90th percentile."""
    low, middle, high = np.percentile(values, [10, 50, 90])
    return {"median": float(middle), "p10": float(low), "p90": float(high)}
