"""Build time and query time: after how many questions a build pays off, which may be never.

Every break-even in the app is computed here, from one ``Account`` per method.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from core.artefacts import index_kind
from core.manifest import Manifest
from core.workspace import Workspace


def build_seconds(manifest: Manifest | None) -> float:
    """Seconds that building an artefact took; 0 where there is none."""
    if manifest is None:
        return 0.0
    # Installing a shipped memory takes no time; its training counts.
    earlier = manifest.params.get("earlier_s", 0.0)  # of the training that it continued
    return float(manifest.params.get("train_s") or manifest.build_s) + float(earlier)


def build_time(ws: Workspace, kinds: Iterable[str], store: str, inputs: Mapping[str, str]) -> float:
    """Seconds that building some artefacts of a workspace took.

    Args:
        kinds: Which, such as ``MethodSpec.builds``.
        store: Whose index "index" stands for.
        inputs: Fingerprints that tell variants apart; see ``Workspace.state``.
    """
    named = (index_kind(store) if kind == "index" else kind for kind in kinds)
    return sum(build_seconds(ws.state(kind, inputs).manifest) for kind in named)


@dataclass(frozen=True)
class BreakEven:
    """The account of one method against another.

    Attributes:
        build_s: Seconds spent before the first question that the other method does not spend.
        saving_ms: Milliseconds saved by every question; negative when it costs more.
        questions: Questions after which the build has paid for itself; None when it never does.
    """

    build_s: float
    saving_ms: float
    questions: int | None


_SINGLE = 1.5
"""How many times the other a single measurement has to be: beside a browser, one has been twice its own median."""


@dataclass(frozen=True)
class Account:
    """The cost of a method over many questions.

    Attributes:
        build_s: Seconds spent before the first question.
        question_ms: Milliseconds of one question.
        single_ms: The measurements of one and the same question behind it; empty for a figure over many questions.
    """

    method: str
    label: str
    build_s: float
    question_ms: float
    single_ms: tuple[float, ...] = ()

    @classmethod
    def measured(cls, method: str, label: str, build_s: float, total_ms: Sequence[float]) -> Account:
        """The account of a method whose questions took so long; the median counts."""
        return cls(method, label, build_s, median(total_ms))

    def told_apart(self, other: Account) -> bool:
        """Whether the measurements of one question are far enough apart to say which method is faster."""
        ours, theirs = self.single_ms, other.single_ms
        if not ours or not theirs:
            return True
        factor = _SINGLE if min(len(ours), len(theirs)) == 1 else 1.0  # several show by themselves how far they reach
        return max(ours) * factor < min(theirs) or max(theirs) * factor < min(ours)

    def total_s(self, questions: int) -> float:
        """Seconds for that many questions, building included."""
        return self.build_s + questions * self.question_ms / 1000

    def against(self, baseline: Account) -> BreakEven:
        """Weighs what this method takes longer to build against what every question then saves."""
        return break_even(self.build_s - baseline.build_s, baseline.question_ms, self.question_ms)


def break_even(build_s: float, baseline_ms: float, method_ms: float) -> BreakEven:
    """Weighs a build against what every question then saves.

    Args:
        build_s: Extra build time of the method, in seconds.
        baseline_ms: What a question takes without the build.
        method_ms: What it takes with it.
    """
    saving = baseline_ms - method_ms
    if build_s <= 0:
        return BreakEven(build_s, saving, 0 if saving >= 0 else None)
    return BreakEven(build_s, saving, math.ceil(build_s * 1000 / saving) if saving > 0 else None)


def cheapest(accounts: Sequence[Account], questions: int) -> Account:
    """The method that takes least over that many questions; the first among equals.

    Raises:
        ValueError: There is no account.
    """
    return min(accounts, key=lambda account: account.total_s(questions))
