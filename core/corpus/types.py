"""What a corpus is made of: passages to know, questions to ask about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Passage:
    """A piece of text that an answer can rest on.

    Attributes:
        id: Unique in its corpus.
        title: Short name; may be empty.
        text: The text itself, never rendered as HTML.
        topic: Optional label, used for display alone.
    """

    id: str
    title: str
    text: str
    topic: str = ""


@dataclass(frozen=True)
class Question:
    """A question with what counts as right.

    Attributes:
        id: Unique in its file.
        text: The question.
        answers: Accepted answers; any of them is right.
        passage_ids: Gold passages, in hop order; may be empty when unknown.
        evidence: Sentences that hold the answer, aligned with ``passage_ids`` where known.
        kind: What sort of question it is, where its source says so: "bridge" and "comparison" in HotpotQA.
    """

    id: str
    text: str
    answers: tuple[str, ...]
    passage_ids: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    kind: str = ""


@dataclass(frozen=True)
class Corpus:
    """Passages, and the questions asked of them by split ("train", "dev", "test").

    Attributes:
        name: Where it came from, for display.
        passages: In a fixed order: row i of every matrix built from the corpus is passage i.
        questions: Split name to questions.
    """

    name: str
    passages: tuple[Passage, ...]
    questions: dict[str, tuple[Question, ...]]

    def index(self) -> dict[str, int]:
        """Passage id to row."""
        return {passage.id: row for row, passage in enumerate(self.passages)}


def texts(passages: Sequence[Passage]) -> list[str]:
    """Title and text of each passage as one string: what encoders and indexes see."""
    return [f"{passage.title}\n{passage.text}" if passage.title else passage.text for passage in passages]
