"""Types of a corpus: passages, and questions about them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from core.corpus.chunking import DEFAULT_CHUNKING, Chunking
from core.normalise import folded


class Box(NamedTuple):
    """Where a stretch of text, part of one line or a row of a table, is printed.

    Attributes:
        start: Its first character.
        end: The one after its last.
        page: From 1.
        left: In points from the lower left corner of the page, like the others.
        bottom: Lower end.
        right: Right end.
        top: Upper end.
    """

    start: int
    end: int
    page: int
    left: float
    bottom: float
    right: float
    top: float

    def within(self, start: int, end: int) -> Box:
        """The part of it from ``start`` to ``end``, counted from ``start``; characters count as equally wide."""
        first, last = max(self.start, start), min(self.end, end)
        wide = (self.right - self.left) / max(1, self.end - self.start)
        left, right = (round(self.left + wide * (at - self.start), 1) for at in (first, last))
        return self._replace(start=first - start, end=last - start, left=left, right=right)


def boxes_within(boxes: Sequence[Box], start: int, end: int) -> tuple[Box, ...]:
    """Where the characters from ``start`` to ``end`` are printed.

    Args:
        boxes: Of the whole text, in its order, none reaching into the next.
        start: The first character.
        end: The one after the last.
    """
    first = bisect_right(boxes, start, key=lambda box: box.end)
    last = bisect_left(boxes, end, key=lambda box: box.start)
    return tuple(box.within(start, end) for box in boxes[first:last])


@dataclass(frozen=True)
class Source:
    """Where a passage stands in the file it was read from.

    Attributes:
        file: Name of the file, fit for display.
        section: The headings above it, from the outermost in; may be empty.
        page: Page on which it begins, from 1; 0 where the format has no pages.
        last_page: Page on which it ends.
        start: Its first character in the text of the file as it was read, sections joined by an empty line.
        end: The one after its last; 0 where that is not known.
        digest: Of the file's content; see ``core.corpus.originals``.
    """

    file: str
    section: str = ""
    page: int = 0
    last_page: int = 0
    start: int = 0
    end: int = 0
    digest: str = ""

    @property
    def pages(self) -> str:
        """The page or pages, as "p. 3" or "pp. 3-4"; empty where there are none."""
        if not self.page:
            return ""
        return f"p. {self.page}" if self.last_page <= self.page else f"pp. {self.page}-{self.last_page}"

    @property
    def cited(self) -> str:
        """As one cites it: "manual.pdf, p. 3 · 6 Exposure limits"."""
        file_and_pages = ", ".join(filter(None, (self.file, self.pages)))
        return f"{file_and_pages} · {self.section}" if self.section else file_and_pages


@dataclass(frozen=True)
class Passage:
    """A piece of text that an answer can rest on.

    Attributes:
        id: Unique in its corpus.
        title: Short name; may be empty.
        text: The text itself, never rendered as HTML.
        topic: Optional label, used for display alone.
        source: Where it was read; None where it came as a passage.
        boxes: Where its text is printed; empty where its file has no pages.
        row: Whether it is a row of a table: one of several that read alike.
    """

    id: str
    title: str
    text: str
    topic: str = ""
    source: Source | None = None
    boxes: tuple[Box, ...] = ()
    row: bool = False


GENERATED = "generated"
"""Kind of a question that a model wrote for the corpus."""


@dataclass(frozen=True)
class Question:
    """A question with what counts as right.

    Attributes:
        id: Unique in its file.
        answers: Accepted answers; any of them is right.
        passage_ids: Gold passages, in hop order; may be empty when unknown.
        evidence: Sentences that hold the answer, aligned with ``passage_ids`` where known.
        kind: What sort of question it is, where its source says so: "bridge" and "comparison" in HotpotQA,
            or ``GENERATED``.
    """

    id: str
    text: str
    answers: tuple[str, ...]
    passage_ids: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    kind: str = ""

    def about(self, instead: Mapping[str, str]) -> Question:
        """The same question, with other gold passages for those that are keys of ``instead``."""
        return replace(self, passage_ids=tuple(instead.get(name, name) for name in self.passage_ids))


@dataclass(frozen=True)
class Corpus:
    """Passages, and the questions asked of them by split ("train", "dev", "test").

    Attributes:
        name: Where it came from, for display.
        passages: In a fixed order: row i of every matrix built from the corpus is passage i.
        chunking: How its documents are cut, and those that are added.
        duplicate_of: Id of each duplicate that was left out, to the id of the passage that was kept.
    """

    name: str
    passages: tuple[Passage, ...]
    questions: dict[str, tuple[Question, ...]]
    chunking: Chunking = DEFAULT_CHUNKING
    duplicate_of: Mapping[str, str] = field(default_factory=dict)

    def index(self) -> dict[str, int]:
        """Passage id to row."""
        return {passage.id: row for row, passage in enumerate(self.passages)}

    def all_questions(self, train_last: bool = False) -> list[Question]:
        """The questions of all splits.

        Args:
            train_last: Whether those of the train split come last, as the reader and the memory are trained on them.
        """
        splits = sorted(self.questions, key=lambda split: train_last and split == "train")
        return [question for split in splits for question in self.questions[split]]

    def question(self, text: str) -> Question | None:
        """The question of the corpus that has this very text, or None."""
        words = folded(text)
        return next((question for question in self.all_questions() if folded(question.text) == words), None)


def texts(passages: Sequence[Passage]) -> list[str]:
    """Title and text of each passage as one string: what encoders and indexes see."""
    return [f"{passage.title}\n{passage.text}" if passage.title else passage.text for passage in passages]
