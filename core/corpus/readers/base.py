"""What every reader is given and returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from core.corpus.types import Box, Question
from core.errors import CorpusError

Span = tuple[int, int]
"""First character and the one after the last."""


@dataclass(frozen=True)
class Columns:
    """Which columns of a table hold what; an empty one is found by its usual names."""

    text: str = ""
    title: str = ""
    id: str = ""


DEFAULT_COLUMNS = Columns()


@dataclass(frozen=True)
class Section:
    """A stretch of a file under one heading, of any length.

    Attributes:
        text: Clean text, never empty.
        title: Short name; empty where the file gives none.
        id: As the file gives it; empty where it gives none.
        keep: Stretches of the text that belong together: a list with its introduction.
        rows: Stretches of the text that are read one by one: rows of a table, each with its headers.
        pages: Where in the text a page begins, and its number; empty where the format has no pages.
        boxes: Where the text is printed, in its order; empty where that is not known.
    """

    text: str
    title: str = ""
    id: str = ""
    topic: str = ""
    keep: tuple[Span, ...] = ()
    rows: tuple[Span, ...] = ()
    pages: tuple[tuple[int, int], ...] = ()
    boxes: tuple[Box, ...] = ()

    def page(self, offset: int) -> int:
        """The page on which a character stands; 0 where there are none."""
        return max((number for start, number in self.pages if start <= offset), default=0)


@dataclass(frozen=True)
class Document:
    """The content of a file.

    Attributes:
        sections: In the order of the file; empty when it holds no text.
        note: Something worth telling about the reading ("2 of 9 pages hold no text"); empty otherwise.
        title: Of the whole, where its sections are parts of one document; empty otherwise.
        questions: By split, where the file is a data set of questions; their gold passages are ids of sections, which
            then are passages as they are.
    """

    sections: tuple[Section, ...]
    note: str = ""
    title: str = ""
    questions: dict[str, tuple[Question, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class ColumnChoice:
    """The columns to choose from if it is not clear which one holds the text.

    Attributes:
        rows: Its first rows, one value for each column.
        proposed: The column that looks most like the text; empty where none has a name.
    """

    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    proposed: str = ""


class ColumnsUnknown(CorpusError):
    """A table has no column that is known to hold the text, or not the one that was chosen."""

    def __init__(self, what: str, remedy: str, choice: ColumnChoice) -> None:
        super().__init__(what, remedy)
        self.choice = choice


Reader = Callable[..., Document]
"""(name, content) -> document, of a table with columns; raises ``CorpusError`` naming file, line and reason."""
