"""The result of one method after a change: its stages, its answers on the way, when it knew, what broke."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from core.corpus.types import Corpus, Question
from core.errors import TesseraError
from core.evaluation.questions import draw
from core.labs.changes.change import Change, Verdict
from core.messages import message
from core.methods.base import Answer
from core.metrics import coverage, exact_match

State = Literal["preparing", "running", "known", "not reached", "refused"]
DATA = "result"
"""Under this name a step of the race carries the result as it stands."""


@dataclass(frozen=True)
class Stage:
    """One stretch of a method's work after the change.

    Attributes:
        name: What was done, such as "embed" or "adapt".
        start_ms: When it began, in ms of the method's own clock, which starts at the change.
        note: How much of it there was, such as "5 steps".
    """

    name: str
    start_ms: float
    ms: float
    note: str = ""

    @property
    def end_ms(self) -> float:
        """When it ended."""
        return self.start_ms + self.ms


@dataclass(frozen=True)
class Attempt:
    """The question, asked once.

    Attributes:
        at_ms: When the answer was complete, on the method's clock; 0 for the one before the change.
        evidence: Titles (or ids) of what it rests on.
        step: Optimiser steps it had learned by then; None for a method that does not learn.
    """

    at_ms: float
    answer: str
    evidence: tuple[str, ...]
    verdict: Verdict
    step: int | None = None


@dataclass(frozen=True)
class OldAnswer:
    """One old question, before and after.

    Attributes:
        after: What it said after it had been taken up.
        right_before: Whether the first holds an accepted answer.
        exact_before: Whether the first is an accepted answer.
        from_change: The answer after rests on the changed passage.
    """

    question_id: str
    question: str
    golds: tuple[str, ...]
    before: str
    after: str
    right_before: bool
    right_after: bool
    exact_before: bool
    exact_after: bool
    from_change: bool


@dataclass(frozen=True)
class Regressions:
    """The effect of a change on other answers of a method."""

    answers: tuple[OldAnswer, ...]

    def figures(self) -> dict[str, float]:
        """Counts and exact match: ``n, changed, right_before, right_after, broken, mended, em_before, em_after``."""
        n = len(self.answers)
        return {
            "n": n,
            "changed": sum(answer.before != answer.after for answer in self.answers),
            "right_before": sum(answer.right_before for answer in self.answers),
            "right_after": sum(answer.right_after for answer in self.answers),
            "broken": sum(answer.right_before and not answer.right_after for answer in self.answers),
            "mended": sum(answer.right_after and not answer.right_before for answer in self.answers),
            "em_before": sum(answer.exact_before for answer in self.answers) / n if n else 0.0,
            "em_after": sum(answer.exact_after for answer in self.answers) / n if n else 0.0,
        }


@dataclass(frozen=True)
class MethodResult:
    """One method in the race.

    Attributes:
        state: preparing (copied and asked before the change), running, known, not reached (it has done all it can and
            does not show the change), or refused.
        before: The question asked before the change; None until then.
        stages: Its work after the change, in order, without gaps.
        regressions: The old questions; None until they have been asked again, or where none were to be asked.
        about: Further questions about the passage; likewise.
    """

    method: str
    state: State = "preparing"
    before: Attempt | None = None
    stages: tuple[Stage, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    regressions: Regressions | None = None
    about: Regressions | None = None
    reason: str = ""

    @property
    def total_ms(self) -> float:
        """How long it has worked since the change."""
        return self.stages[-1].end_ms if self.stages else 0.0

    @property
    def known_ms(self) -> float | None:
        """Milliseconds from the change to the first answer that shows it; None if none does."""
        return next((attempt.at_ms for attempt in self.attempts if attempt.verdict.known), None)

    def by_stage(self) -> dict[str, float]:
        """Milliseconds by name of the stage, in the order in which they first came."""
        sums: dict[str, float] = {}
        for stage in self.stages:
            sums[stage.name] = sums.get(stage.name, 0.0) + stage.ms
        return sums

    def to_json(self) -> dict[str, Any]:
        """All of it, in plain values."""
        figures = {"known_ms": self.known_ms, "by_stage": self.by_stage()}
        groups = {"regressions": self.regressions, "about": self.about}
        return {
            **asdict(self),
            **figures,
            **{name: {**group.figures(), **asdict(group)} if group else None for name, group in groups.items()},
        }


def results_of(history: Iterable[Mapping[str, Any]]) -> list[MethodResult]:
    """The results as they stand after some steps of a race, in the order in which they ran."""
    latest: dict[str, MethodResult] = {}
    for data in history:
        if DATA in data:
            latest[data[DATA].method] = data[DATA]
    return list(latest.values())


SPLITS = ("test", "dev", "train")
"""Where old questions are taken from, the first that there are: what may have been trained on comes last."""


def old_questions(corpus: Corpus, change: Change, n: int, seed: int, split: str = "") -> tuple[Question, ...]:
    """Old questions whose answers the change must not touch, drawn by the seed.

    Args:
        change: What changes; questions about its passage are left out.
        n: Most questions; 0 asks none.
        split: Of the corpus; empty takes the first of ``SPLITS`` that has any.

    Raises:
        TesseraError: There is no such split.
    """
    if split and not corpus.questions.get(split):
        has = ", ".join(name for name, group in corpus.questions.items() if group) or "none"
        raise TesseraError(
            message("The corpus has no {split!r} questions; it has: {splits}.", split=split, splits=has),
            "Choose one of them.",
        )
    named = split or next((name for name in SPLITS if corpus.questions.get(name)), "")
    return draw(change.old_questions(corpus.questions.get(named, ())), n, seed) if n else ()


def compare(
    change: Change, questions: Sequence[Question], before: Sequence[Answer], after: Sequence[Answer]
) -> Regressions:
    """Answers to old questions before and after the change.

    Args:
        before: A method's answers before, in that order.
    """
    return Regressions(tuple(_one(change, *three) for three in zip(questions, before, after, strict=True)))


def _one(change: Change, question: Question, before: Answer, after: Answer) -> OldAnswer:
    return OldAnswer(
        question_id=question.id,
        question=question.text,
        golds=question.answers,
        before=before.text,
        after=after.text,
        right_before=bool(coverage(before.text, question.answers)),
        right_after=bool(coverage(after.text, question.answers)),
        exact_before=bool(exact_match(before.text, question.answers)),
        exact_after=bool(exact_match(after.text, question.answers)),
        from_change=any(piece.passage_id == change.passage.id for piece in after.evidence),
    )
