"""Results of the store benchmark and conclusions: which settings are worth using, and where flat search wins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from core.messages import message
from core.stores.registry import STORES

GOOD = 0.95
"""Recall below which an approximate search is not counted as a substitute for the exact one."""


@dataclass(frozen=True)
class Measured:
    """One store at one setting.

    Attributes:
        options: Search options; empty where there is nothing to set.
        recall: Share of the exact k nearest that it found; None for a search by words.
        gold: Share of the questions with an answering passage among the hits; None where that is unknown.
        p50_ms: Median latency of one client.
        qps_1: Queries a second, one client.
        qps_many: Queries a second, several clients.
        disk_bytes: Its files; of a store on a server the pointer to it alone.
        memory_bytes: Resident memory of the open index in a process of its own, or what a server says it
            takes there; None where unknown.
        dominated: Whether another setting finds as much at least as fast.
    """

    store: str
    options: Mapping[str, int]
    recall: float | None
    gold: float | None
    p50_ms: float
    p99_ms: float
    qps_1: float
    qps_many: float
    build_s: float
    disk_bytes: int
    memory_bytes: int | None
    dominated: bool = False

    @property
    def setting(self) -> str:
        """The options in words."""
        return ", ".join(f"{name} {value}" for name, value in self.options.items()) or message("exact")

    @property
    def label(self) -> str:
        """The store's name for people; its own where the registry no longer has it."""
        return STORES[self.store].label if self.store in STORES else self.store


@dataclass(frozen=True)
class WorkloadResult:
    """The measurement of one workload.

    Attributes:
        skipped: Why a store was left out, by name.
        verdict: Where flat wins, in a sentence.
    """

    workload: str
    n: int
    dim: int
    queries: int
    asked: str
    rows: tuple[Measured, ...]
    skipped: Mapping[str, str]
    verdict: str


def mark_dominated(rows: Sequence[Measured]) -> tuple[Measured, ...]:
    """Marks every row that another one beats in recall or speed without losing in the other (Pareto)."""

    def beaten(row: Measured) -> bool:
        return row.recall is not None and any(
            other.recall is not None
            and other.recall >= row.recall
            and other.qps_1 >= row.qps_1
            and (other.recall, other.qps_1) != (row.recall, row.qps_1)
            for other in rows
        )

    return tuple(replace(row, dominated=beaten(row)) for row in rows)


def verdict(rows: Sequence[Measured]) -> str:
    """Says whether an approximate search is worth it here, and after how many questions its build has paid off."""
    exact = [row for row in rows if not row.options and row.recall is not None]
    close = [row for row in rows if row.options and row.recall is not None and row.recall >= GOOD]
    if not exact:
        return message("No exact search was measured, so there is nothing to compare with.")
    flat = min(exact, key=lambda row: row.p50_ms)
    if not close:
        return message(
            "Flat wins: no approximate setting reaches a recall of {good}. {flat} takes {flat_ms:.3f} ms.",
            good=GOOD,
            flat=flat.label,
            flat_ms=flat.p50_ms,
        )
    best = min(close, key=lambda row: row.p50_ms)
    facts = {
        "best": message(
            "{store} ({setting}) with recall {recall:.3f}", store=best.label, setting=best.setting, recall=best.recall
        ),
        "best_ms": best.p50_ms,
        "flat": flat.label,
        "flat_ms": flat.p50_ms,
    }
    if flat.p50_ms <= best.p50_ms:
        return message(
            "Flat wins: {flat} is exact and takes {flat_ms:.3f} ms; the fastest approximate search with a recall of "
            "{good} or more, {best}, takes {best_ms:.3f} ms.",
            good=GOOD,
            **facts,
        )
    return message(
        "Approximation wins: {best} takes {best_ms:.3f} ms, {faster:.1f} times as fast as {flat} ({flat_ms:.3f} ms); "
        "{paid}.",
        faster=flat.p50_ms / best.p50_ms,
        paid=_paid(best, flat),
        **facts,
    )


def _paid(best: Measured, flat: Measured) -> str:
    extra_s, saved_s = best.build_s - flat.build_s, (flat.p50_ms - best.p50_ms) / 1000
    if extra_s > 0:
        return message("its build pays off after {n:,.0f} questions", n=extra_s / saved_s)
    return message("it builds no slower")
