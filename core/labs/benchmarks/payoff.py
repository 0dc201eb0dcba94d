"""Break-even of blocks: RAG and CAG answer every question, one right after the other, and both times are saved.

The last measurement is saved in ``runs/payoff.json`` of the workspace, with the blocks it belongs to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core.corpus.types import Question
from core.cost import Account, BreakEven, build_time
from core.errors import TesseraError
from core.fair_lock import until_turn
from core.jobs import Progress, Work
from core.kvcache.identity import chosen_precision
from core.labs.benchmarks.reports import read_report, write_report
from core.methods.base import answer
from core.methods.comparison import open_for_measuring
from core.methods.registry import METHODS
from core.methods.resources import Resources
from core.workspace import Workspace

RAG, CAG = "rag", "cag"


@dataclass(frozen=True)
class Clocks:
    """Times of one method, question by question, in milliseconds."""

    ttft_ms: tuple[float, ...]
    total_ms: tuple[float, ...]


@dataclass(frozen=True)
class Payoff:
    """The measurements, and their conditions."""

    blocks: str
    model: str
    dtype: str
    device: str
    rag: Clocks
    cag: Clocks = Clocks((), ())  # a report of an early version has none

    @property
    def questions(self) -> int:
        """How many questions were asked."""
        return len(self.cag.total_ms)

    def break_even(self, ws: Workspace, store: str, inputs: Mapping[str, str]) -> BreakEven:
        """The extra build time of CAG over RAG, against the time it saves.

        Args:
            inputs: Fingerprints that the blocks were built with.
        """
        rag, cag = (
            Account.measured(spec.name, spec.label, build_time(ws, spec.builds, store, inputs), clocks.total_ms)
            for spec, clocks in ((METHODS[RAG], self.rag), (METHODS[CAG], self.cag))
        )
        return cag.against(rag)


def measure_payoff(resources: Resources, questions: Sequence[Question]) -> Work:
    """Asks both methods every question, after a warm-up, and saves the clocks.

    The method that goes first changes from question to question: what the first one brings into the processor's caches
    would otherwise always help the same second.

    Raises:
        TesseraError: There is no question, or a method cannot be opened.
    """
    if not questions:
        raise TesseraError("There is no question to ask.", "Give a corpus with questions.")
    with resources.models.lock.ticket() as ticket:
        yield from until_turn(ticket, 0, len(questions))
        yield from _measured(resources, questions)


def _measured(resources: Resources, questions: Sequence[Question]) -> Work:
    resources = replace(resources, settings=resources.settings.in_process)
    ws = resources.workspace
    lm = resources.language_model()
    methods = {name: open_for_measuring(name, resources, questions[0].text)[0] for name in (RAG, CAG)}
    ttft: dict[str, list[float]] = {name: [] for name in methods}
    total: dict[str, list[float]] = {name: [] for name in methods}
    for turn, question in enumerate(questions):
        order = (RAG, CAG) if turn % 2 else (CAG, RAG)
        for name in order:
            trace = answer(methods[name], question.text).trace
            ttft[name].append(trace.ttft_ms)
            total[name].append(trace.total_ms)
        yield Progress("Asking RAG and CAG", turn + 1, len(questions), question.text[:60])
    clocks = {name: Clocks(tuple(ttft[name]), tuple(total[name])) for name in methods}
    precision = chosen_precision(resources.settings.cache_precision, lm.dtype)
    payoff = Payoff(
        blocks=ws.fingerprint("blocks", {"model": lm.identity.fingerprint, "precision": precision}),
        model=lm.identity.name,
        dtype=lm.identity.dtype,
        device=str(lm.device),
        rag=clocks[RAG],
        cag=clocks[CAG],
    )
    write_report(_path(ws), payoff)


def saved_payoff(ws: Workspace, blocks: str) -> Payoff | None:
    """The last measurement, if it is of the blocks with this fingerprint.

    Raises:
        TesseraError: The file is damaged.
    """
    payoff = read_report(_path(ws), Payoff)
    return payoff if payoff and payoff.blocks == blocks and payoff.questions else None


def _path(ws: Workspace) -> Path:
    return ws.path / "runs" / "payoff.json"
