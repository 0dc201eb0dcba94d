"""What happened, counted in Redis: one hash for each workspace, changed by increments alone.

Every answer is one transaction of HINCRBY and HINCRBYFLOAT. Nothing is read and written back, so the average (the sum
of times over the number of questions, read in one step) is right however many processes count at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.stores.redis.answer_keys import metrics_key
from core.stores.redis.connection import Connection, translating_errors

BUCKETS_MS = (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000)
"""Upper bounds of the latency histogram, in ms; what takes longer falls into a last bucket."""
Outcome = Literal["exact", "semantic", "miss", "bypass"]
OUTCOMES: tuple[Outcome, ...] = ("exact", "semantic", "miss", "bypass")


@dataclass(frozen=True)
class Snapshot:
    """The counters at one moment.

    Attributes:
        total_ms: Sum of the times from question to last token.
        saved_ms: What hits of the answer cache saved.
        outcomes: Questions by what the answer cache did.
        histogram: Questions by time, a count for each of ``BUCKETS_MS`` and one for the rest.
    """

    queries: int
    documents: int
    total_ms: float
    saved_ms: float
    outcomes: dict[str, int]
    histogram: tuple[int, ...]

    @property
    def average_ms(self) -> float:
        """Mean time of a question; 0 when there was none."""
        return self.total_ms / self.queries if self.queries else 0.0

    @property
    def hit_rate(self) -> float:
        """Share of hits among the questions that looked_up the cache."""
        hits = self.outcomes["exact"] + self.outcomes["semantic"]
        looked_up = hits + self.outcomes["miss"]
        return hits / looked_up if looked_up else 0.0


class Metrics:
    """The counters of one workspace."""

    def __init__(self, server: Connection, workspace: str) -> None:
        self._server = server
        self._key = metrics_key(workspace)

    def record(self, ms: float, documents: int, outcome: Outcome, saved_ms: float = 0.0) -> None:
        """Counts one answer.

        Args:
            ms: From question to last token.
            saved_ms: What a hit saved.
        """
        bucket = next((number for number, bound in enumerate(BUCKETS_MS) if ms <= bound), len(BUCKETS_MS))
        with translating_errors(self._server):
            pipe = self._server.client().pipeline(transaction=True)
            pipe.hincrby(self._key, "queries", 1)
            pipe.hincrby(self._key, "documents", documents)
            pipe.hincrbyfloat(self._key, "total_ms", ms)
            pipe.hincrbyfloat(self._key, "saved_ms", saved_ms)
            pipe.hincrby(self._key, f"outcome:{outcome}", 1)
            pipe.hincrby(self._key, f"bucket:{bucket}", 1)
            pipe.execute()

    def snapshot(self) -> Snapshot:
        """All counters, read in one step."""
        with translating_errors(self._server):
            raw = {name.decode(): float(value) for name, value in self._server.client().hgetall(self._key).items()}
        return Snapshot(
            queries=int(raw.get("queries", 0)),
            documents=int(raw.get("documents", 0)),
            total_ms=raw.get("total_ms", 0.0),
            saved_ms=raw.get("saved_ms", 0.0),
            outcomes={name: int(raw.get(f"outcome:{name}", 0)) for name in OUTCOMES},
            histogram=tuple(int(raw.get(f"bucket:{number}", 0)) for number in range(len(BUCKETS_MS) + 1)),
        )
