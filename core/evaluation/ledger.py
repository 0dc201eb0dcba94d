"""Build time beside query time: after how many questions has a build paid for itself? "Never" is an answer."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class BreakEven:
    """The account of one arm against another.

    Attributes:
        build_s: Seconds spent before the first question that the other arm does not spend.
        saving_ms: Milliseconds saved by every question; negative when it costs more.
        questions: Questions after which the build has paid for itself; None when it never does.
    """

    build_s: float
    saving_ms: float
    questions: int | None


def break_even(build_s: float, baseline_ms: float, arm_ms: float) -> BreakEven:
    """Weighs a build against what every question then saves.

    Args:
        build_s: Extra build time of the arm, in seconds.
        baseline_ms: What a question takes without the build.
        arm_ms: What it takes with it.
    """
    saving = baseline_ms - arm_ms
    if build_s <= 0:
        return BreakEven(build_s, saving, 0 if saving >= 0 else None)
    return BreakEven(build_s, saving, math.ceil(build_s * 1000 / saving) if saving > 0 else None)
