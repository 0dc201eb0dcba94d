"""Which questions are asked: a split of the corpus or a file, checked, and a draw that any seed repeats."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from core.corpus.folder import ANYTHING, read_questions
from core.corpus.types import Corpus, Question
from core.errors import TesseraError


@dataclass(frozen=True)
class Asked:
    """Questions that can be asked of a corpus.

    Attributes:
        questions: In the order of their source.
        source: Where they came from, for people: "test questions of sample", or the name of a file.
        outside: How many were left out, because a gold passage of theirs is not in the corpus.
    """

    questions: tuple[Question, ...]
    source: str
    outside: int = 0


def from_split(corpus: Corpus, split: str) -> Asked:
    """The corpus' own questions of a split.

    Raises:
        TesseraError: It has none.
    """
    if not corpus.questions.get(split):
        has = ", ".join(corpus.questions) or "none"
        raise TesseraError(f"The corpus has no {split!r} questions; it has: {has}.", "Give --split or --questions.")
    return Asked(corpus.questions[split], f"{split} questions of {corpus.name}")


def from_file(name: str, content: bytes, corpus: Corpus) -> Asked:
    """Questions of a file whose gold passages are all in the corpus; those without gold passages are kept.

    Args:
        name: Of the file, for refusals.
        content: Its bytes, JSON Lines in the format of ``core.corpus.folder``.
        corpus: What will be asked.

    Raises:
        CorpusError: A line is broken or lacks a field; the message names file, line and reason.
        TesseraError: No question is left.
    """
    everything = tuple(read_questions(name, content, ANYTHING))
    known = corpus.index().keys()
    asked = tuple(question for question in everything if known >= set(question.passage_ids))
    if not everything:
        raise TesseraError(f"{name} holds no question.", "Put one JSON object on each line.")
    if not asked:
        raise TesseraError(
            f"All {len(everything):,} questions of {name} are about passages that {corpus.name} does not hold.",
            "Choose the workspace of their corpus, or another file.",
        )
    return Asked(asked, name, len(everything) - len(asked))


def draw(questions: Sequence[Question], n: int | None, seed: int) -> tuple[Question, ...]:
    """``n`` questions, in their old order; all of them when there are no more than that.

    The questions are shuffled by the seed and the first ``n`` taken, so that a smaller draw is part of a larger one.
    """
    if n is None or n >= len(questions):
        return tuple(questions)
    rows = list(range(len(questions)))
    random.Random(seed).shuffle(rows)
    return tuple(questions[row] for row in sorted(rows[:n]))
