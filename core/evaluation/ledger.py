"""Build time beside query time: after how many questions has a build paid for itself? "Never" is an answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
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


@dataclass(frozen=True)
class Account:
    """What an arm costs over many questions.

    Attributes:
        arm: Its name.
        label: Its name for people.
        build_s: Seconds spent before the first question.
        question_ms: Milliseconds of one question.
    """

    arm: str
    label: str
    build_s: float
    question_ms: float

    def total_s(self, questions: int) -> float:
        """Seconds for that many questions, building included."""
        return self.build_s + questions * self.question_ms / 1000


def cheapest(accounts: Sequence[Account], questions: int) -> Account:
    """The arm that takes least over that many questions; the first among equals.

    Raises:
        ValueError: There is no account.
    """
    return min(accounts, key=lambda account: account.total_s(questions))
