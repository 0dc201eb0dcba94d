"""Does a cache pay? Every question is asked of RAG and of CAG, one right after the other, and both clocks are kept.

The last measurement is kept in ``runs/payoff.json`` of the workspace, with the caches it belongs to.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from core.corpus.types import Question
from core.errors import TesseraError
from core.evaluation.ledger import BreakEven, break_even
from core.jobs import Progress, Work
from core.kvcache.precision import chosen_precision
from core.methods.base import answer
from core.methods.registry import open_method
from core.methods.resources import Resources
from core.workspace import Workspace, write_atomically

BASELINE, ARM = "rag", "cag"


@dataclass(frozen=True)
class Clocks:
    """Times of one arm, question by question, in milliseconds.

    Attributes:
        ttft_ms: To the first token.
        total_ms: To the last token.
    """

    ttft_ms: tuple[float, ...]
    total_ms: tuple[float, ...]


@dataclass(frozen=True)
class Payoff:
    """What was measured, and on what.

    Attributes:
        caches: Fingerprint of the caches.
        model: The model's name.
        dtype: Its number format.
        device: Where it ran.
        baseline: RAG.
        arm: CAG.
    """

    caches: str
    model: str
    dtype: str
    device: str
    baseline: Clocks
    arm: Clocks

    @property
    def questions(self) -> int:
        """How many questions were asked."""
        return len(self.arm.total_ms)

    def saving_ms(self) -> float:
        """Median over the questions of what CAG saved until the last token."""
        return median(theirs - ours for theirs, ours in zip(self.baseline.total_ms, self.arm.total_ms, strict=True))

    def account(self, build_s: float) -> BreakEven:
        """The build beside the saving."""
        return break_even(build_s, self.saving_ms(), 0.0)


def measure_payoff(resources: Resources, questions: Sequence[Question]) -> Work:
    """Asks both arms every question, after a warm-up, and keeps the clocks.

    The arm that goes first changes from question to question: what the first one brings into the processor's caches
    would otherwise always help the same second.

    Raises:
        TesseraError: There is no question, or an arm cannot be opened.
    """
    if not questions:
        raise TesseraError("There is no question to ask.", "Give a corpus with questions.")
    ws = resources.workspace
    lm = resources.models.language_model(resources.reader)
    methods = {name: open_method(name, resources) for name in (BASELINE, ARM)}
    for method in methods.values():
        answer(method, questions[0].text)
    ttft: dict[str, list[float]] = {name: [] for name in methods}
    total: dict[str, list[float]] = {name: [] for name in methods}
    for turn, question in enumerate(questions):
        order = (BASELINE, ARM) if turn % 2 else (ARM, BASELINE)
        for name in order:
            trace = answer(methods[name], question.text).trace
            ttft[name].append(trace.ttft_ms)
            total[name].append(trace.total_ms)
        yield Progress("Asking RAG and CAG", turn + 1, len(questions), question.text[:60])
    clocks = {name: Clocks(tuple(ttft[name]), tuple(total[name])) for name in methods}
    kept_in = chosen_precision(resources.settings.cache_precision, lm.dtype)
    found = Payoff(
        caches=ws.fingerprint("caches", {"model": lm.identity.fingerprint, "precision": kept_in}),
        model=lm.identity.name,
        dtype=lm.identity.dtype,
        device=str(lm.device),
        baseline=clocks[BASELINE],
        arm=clocks[ARM],
    )
    path = _path(ws)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(asdict(found), indent=1).encode())


def kept_payoff(ws: Workspace, caches: str) -> Payoff | None:
    """The last measurement, if it is of the caches with this fingerprint.

    Raises:
        TesseraError: The file is damaged.
    """
    path = _path(ws)
    if not path.is_file():
        return None
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        clocks = {
            name: Clocks(tuple(facts[name]["ttft_ms"]), tuple(facts[name]["total_ms"])) for name in ("baseline", "arm")
        }
        found = Payoff(**{**facts, **clocks})
    except (ValueError, KeyError, TypeError) as error:
        raise TesseraError(f"{path} is damaged ({error}).", "Delete it and measure again.") from error
    return found if found.caches == caches else None


def _path(ws: Workspace) -> Path:
    return ws.path / "runs" / "payoff.json"
