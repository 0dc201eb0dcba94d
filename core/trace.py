"""Timing of one answer: named spans, and the counts that explain them.

The clock starts before routing or retrieval and ends with the last token. On a GPU work is queued, so a span is
only closed after the device has finished: ``Tracer`` takes the function that waits for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from statistics import median
from typing import TypeVar

Result = TypeVar("Result")


def timed(call: Callable[[], Result]) -> tuple[Result, float]:
    """What a call returns, and how long it took in ms."""
    began = time.perf_counter()
    result = call()
    return result, 1000 * (time.perf_counter() - began)


@dataclass(frozen=True)
class Span:
    """One named stretch of work, in milliseconds from the start of the trace."""

    name: str
    start_ms: float
    ms: float


@dataclass(frozen=True)
class Trace:
    """Where the time of one answer went.

    Attributes:
        spans: Stretches of work in the order in which they began.
        ttft_ms: Time to the first token that the person sees of the answer, in ms.
        total_ms: Time to the last token, in ms.
        prompt_tokens: Tokens that were prefilled for this question.
        cached_tokens: Tokens whose keys and values came from a stored cache; None where a server does not say.
        generated_tokens: Tokens decoded, evidence included.
        bytes_touched: Bytes of indexes, caches or memory read for this question.
    """

    spans: tuple[Span, ...]
    ttft_ms: float
    total_ms: float
    prompt_tokens: int
    cached_tokens: int | None
    generated_tokens: int
    bytes_touched: int


def median_trace(traces: Sequence[Trace]) -> Trace:
    """Several measurements of one answer as one: medians of its clocks, and of each span's beginning and length.

    Counts and spans are those of the first: the same answer does the same steps. A span that another measurement lacks
    (a block that was in memory by then) is the median of those that have it.
    """
    spans_by_name: dict[tuple[str, int], list[Span]] = {}
    for trace in traces:
        seen: dict[str, int] = {}
        for span in trace.spans:
            seen[span.name] = seen.get(span.name, 0) + 1
            spans_by_name.setdefault((span.name, seen[span.name]), []).append(span)
    spans = (
        Span(name, median(span.start_ms for span in same), median(span.ms for span in same))
        for (name, _), same in spans_by_name.items()
    )
    return replace(
        traces[0],
        spans=tuple(sorted(spans, key=lambda span: span.start_ms)),
        ttft_ms=median(trace.ttft_ms for trace in traces),
        total_ms=median(trace.total_ms for trace in traces),
    )


@dataclass
class Tracer:
    """Collects spans while a method answers. Not shared between threads.

    Args:
        synchronise: Waits until the device has finished its queued work.

    Attributes:
        cached_known: Whether ``cached_tokens`` are all there are: a server may not say.
    """

    synchronise: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.perf_counter
    prompt_tokens: int = 0
    cached_tokens: int = 0
    cached_known: bool = True
    generated_tokens: int = 0
    bytes_touched: int = 0
    _spans: list[Span] = field(default_factory=list)
    _ttft_ms: float | None = None
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        self.synchronise()
        self._began = self.clock()

    def now_ms(self) -> float:
        """Milliseconds since the trace began."""
        return (self.clock() - self._began) * 1000.0

    @contextmanager
    def span(self, name: str) -> Iterator[None]:
        """Times the body under ``name``; closes the span when the body fails or is abandoned, too."""
        start = self.now_ms()
        try:
            yield
        finally:
            self.synchronise()
            self._spans.append(Span(name, start, self.now_ms() - start))

    def end_of(self, name: str) -> float:
        """Milliseconds from the start of the trace to the end of its last span of that name."""
        return max(span.start_ms + span.ms for span in self._spans if span.name == name)

    def first_token(self) -> None:
        """Marks the first token of the answer; later calls change nothing."""
        if self._ttft_ms is None:
            self.synchronise()
            self._ttft_ms = self.now_ms()

    def finish(self) -> Trace:
        """Stops the clock."""
        self.synchronise()
        total = self.now_ms()
        return Trace(
            spans=tuple(sorted(self._spans, key=lambda span: span.start_ms)),
            ttft_ms=total if self._ttft_ms is None else self._ttft_ms,
            total_ms=total,
            prompt_tokens=self.prompt_tokens,
            cached_tokens=self.cached_tokens if self.cached_known else None,
            generated_tokens=self.generated_tokens,
            bytes_touched=self.bytes_touched,
        )
