"""The questions of a run: a split of the corpus or a checked file, and a reproducible sample of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.corpus.folder import ANYTHING, read_questions
from core.corpus.types import Corpus, Question
from core.errors import TesseraError
from core.messages import message


@dataclass(frozen=True)
class QuestionSet:
    """Questions that can be asked of a corpus.

    Attributes:
        source: Origin for display: "test questions of sample", or a file name.
        outside: Number of questions left out because one of their gold passages is not in the corpus.
    """

    questions: tuple[Question, ...]
    source: str
    outside: int = 0


def from_split(corpus: Corpus, split: str) -> QuestionSet:
    """The corpus' own questions of a split.

    Raises:
        TesseraError: It has none.
    """
    if not corpus.questions.get(split):
        has = ", ".join(corpus.questions) or "none"
        what = message("The corpus has no {split!r} questions; it has: {splits}.", split=split, splits=has)
        raise TesseraError(what, "Choose one of these, or give a file with questions.")
    return QuestionSet(corpus.questions[split], f"{split} questions of {corpus.name}")


def from_file(name: str, content: bytes, corpus: Corpus) -> QuestionSet:
    """Questions of a file whose gold passages are all in the corpus, or that name none.

    Args:
        content: Its bytes, JSON Lines in the format of ``core.corpus.folder``.

    Raises:
        CorpusError: A line is broken or lacks a field; the message names file, line and reason.
        TesseraError: No question is left.
    """
    known = corpus.index().keys()
    everything = tuple(_with_full_ids(question, corpus) for question in read_questions(name, content, ANYTHING))
    answerable = tuple(question for question in everything if known >= set(question.passage_ids))
    if not everything:
        raise TesseraError(message("{name} holds no question.", name=name), "Put one JSON object on each line.")
    if not answerable:
        raise TesseraError(
            message(
                "All {n:,} questions of {name} are about passages that {corpus} does not hold.",
                n=len(everything),
                name=name,
                corpus=corpus.name,
            ),
            "Choose the workspace of their corpus, or another file.",
        )
    return QuestionSet(answerable, name, len(everything) - len(answerable))


def _with_full_ids(question: Question, corpus: Corpus) -> Question:
    """Finds gold passages left out as duplicates, and those named by the end of their id ("readme-0001").

    A question about a duplicate is one about the passage that was kept. If several ids have that end, the only passage
    that contains an accepted answer is taken.
    """
    known = corpus.index()

    def resolved(name: str) -> str:
        name = corpus.duplicate_of.get(name, name)
        if name in known:
            return name
        matches = [passage for passage in corpus.passages if passage.id.endswith(f"-{name}")]
        if len(matches) > 1:
            matches = [passage for passage in matches if any(answer in passage.text for answer in question.answers)]
        return matches[0].id if len(matches) == 1 else name

    return replace(question, passage_ids=tuple(map(resolved, question.passage_ids)))


def draw(questions: Sequence[Question], n: int | None, seed: int) -> tuple[Question, ...]:
    """A random sample of ``n`` questions in their original order; all of them if ``n`` is None or too large.

    The first ``n`` of a shuffle by seed are taken, so that a smaller sample is part of a larger one.
    """
    if n is None or n >= len(questions):
        return tuple(questions)
    rows = list(range(len(questions)))
    random.Random(seed).shuffle(rows)
    return tuple(questions[row] for row in sorted(rows[:n]))
