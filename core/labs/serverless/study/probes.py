"""Paired times: one question after another, each asked of every index before the next, on warm workers."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from core.errors import TesseraError
from core.jobs import Progress
from core.labs.serverless.settings import IndexKind
from core.labs.serverless.study.samples import Reply, Sender
from core.messages import message
from core.statistics import bootstrap_mean
from core.trace import timed

_WARM_UP = 2
_ATTEMPTS = 3


@dataclass
class Probes:
    """The results of the probes.

    Attributes:
        replies: Kind of index to (question, reply, ms as its sender saw it), in the order in which they were asked.
    """

    replies: dict[IndexKind, list[tuple[int, Reply, float]]] = field(default_factory=dict)

    def of(self, kind: IndexKind) -> list[tuple[int, Reply]]:
        """Questions and replies of one index."""
        return [(number, reply) for number, reply, _ in self.replies[kind]]

    def times(self, kind: IndexKind, what: str) -> list[float]:
        """Milliseconds of one index, question by question.

        Args:
            what: "search_ms", "retrieval_ms" (inside the function), "total_ms" (as the sender saw it), or "share".
        """
        return [_time(reply, ms, what) for _, reply, ms in self.replies[kind]]

    def summary(self, kind: IndexKind) -> dict[str, Any]:
        """Medians of one index."""
        medians: dict[str, Any] = {
            what: float(np.median(self.times(kind, what))) for what in ("search_ms", "retrieval_ms", "total_ms")
        }
        piped = any("generation" in reply.stages for _, reply in self.of(kind))
        share = asdict(bootstrap_mean(self.times(kind, "share"))) if piped else None
        return {**medians, "n": len(self.replies[kind]), "retrieval_share": share}


def probe(
    senders: Mapping[IndexKind, Sender], questions: Sequence[str], count: int, seed: int, label: str
) -> Generator[Progress, None, Probes]:
    """Asks ``count`` questions of every index, in alternation; who is asked first alternates, too.

    Args:
        questions: What to draw from, without repetition while there are enough.

    Raises:
        TesseraError: A question got no answer, even after it was asked again.
    """
    rng = np.random.default_rng([seed, 2])
    chosen = rng.choice(len(questions), count, replace=count > len(questions)).tolist()
    probes = Probes({kind: [] for kind in senders})
    for turn, number in enumerate([*chosen[:1] * _WARM_UP, *chosen]):
        yield Progress(message("Asking in alternation, {what}", what=label), max(0, turn - _WARM_UP), count)
        for kind in list(senders) if turn % 2 == 0 else list(senders)[::-1]:
            reply, ms = _ask(senders[kind], questions[number])
            if turn >= _WARM_UP:
                probes.replies[kind].append((number, reply, ms))
    return probes


def compare(probes: Probes, kinds: Sequence[IndexKind], seed: int) -> dict[str, Any]:
    """How many times as long the first index takes as the second, question by question.

    The ratio is the geometric mean of the paired ratios, its interval the bootstrap's of their logarithms.
    """
    ratios: dict[str, Any] = {}
    for what in ("search_ms", "retrieval_ms", "total_ms"):
        pairs = zip(probes.times(kinds[0], what), probes.times(kinds[1], what), strict=True)
        logs = [math.log(max(a, 1e-6) / max(b, 1e-6)) for a, b in pairs]
        log = bootstrap_mean(logs, seed)
        ratios[what] = {"ratio": math.exp(log.mean), "lo": math.exp(log.lo), "hi": math.exp(log.hi), "n": log.n}
    return ratios


def _ask(send: Sender, question: str) -> tuple[Reply, float]:
    for _ in range(_ATTEMPTS):
        reply, ms = timed(lambda: send(question))
        if reply.outcome == "ok":
            return reply, ms
    last = reply.records[-1] if reply.records else None
    why = f"{last.error_type}: {last.content().get('errorMessage', '')}" if last else reply.outcome
    raise TesseraError(
        message("The functions do not answer ({why}).", why=why), "See what their workers wrote, and start again."
    )


def _time(reply: Reply, ms: float, what: str) -> float:
    if what == "search_ms":
        return reply.spans.get("retrieval/search", 0.0)
    if what == "retrieval_ms":
        return reply.stages.get("retrieval", 0.0)
    if what == "share":
        return reply.stages.get("retrieval", 0.0) / (sum(reply.stages.values()) or 1.0)
    return ms
