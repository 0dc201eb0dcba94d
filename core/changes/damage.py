"""The same old questions, before a change and after it: what it broke, and what it mended by chance."""

from __future__ import annotations

from collections.abc import Sequence

from core.changes.change import Change
from core.changes.lanes import Damage, OldAnswer
from core.corpus.types import Corpus, Question
from core.errors import TesseraError
from core.evaluation.metrics import coverage, exact_match
from core.evaluation.questions import draw
from core.methods.base import Answer

SPLITS = ("test", "dev", "train")
"""Where old questions are taken from, the first that there are: what may have been trained on comes last."""


def old_questions(corpus: Corpus, change: Change, n: int, seed: int, split: str = "") -> tuple[Question, ...]:
    """Old questions whose answers the change must not touch, drawn by the seed.

    Args:
        corpus: As it is before the change.
        change: What changes; questions about its passage are left out.
        n: Most questions; 0 asks none.
        seed: Of the draw.
        split: Of the corpus; empty takes the first of ``SPLITS`` that has any.

    Raises:
        TesseraError: There is no such split.
    """
    if split and not corpus.questions.get(split):
        has = ", ".join(name for name, group in corpus.questions.items() if group) or "none"
        raise TesseraError(f"The corpus has no {split!r} questions; it has: {has}.", "Give --split.")
    named = split or next((name for name in SPLITS if corpus.questions.get(name)), "")
    return draw(change.old_questions(corpus.questions.get(named, ())), n, seed) if n else ()


def compare(change: Change, questions: Sequence[Question], before: Sequence[Answer], after: Sequence[Answer]) -> Damage:
    """What became of the answers to old questions.

    Args:
        change: What was changed in between.
        questions: What was asked.
        before: An arm's answers before, in that order.
        after: Its answers afterwards.
    """
    return Damage(tuple(_one(change, *three) for three in zip(questions, before, after, strict=True)))


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
