"""What every reader returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Section:
    """A stretch of a file under one title, of any length.

    Attributes:
        text: Clean text, never empty.
        title: Short name; empty where the file gives none.
        id: As the file gives it; empty where it gives none.
        topic: As the file gives it.
    """

    text: str
    title: str = ""
    id: str = ""
    topic: str = ""


@dataclass(frozen=True)
class Document:
    """What a file holds.

    Attributes:
        sections: In the order of the file; empty when it holds no text.
        note: Something worth telling about the reading ("2 of 9 pages hold no text"); empty otherwise.
    """

    sections: tuple[Section, ...]
    note: str = ""


Reader = Callable[[str, bytes], Document]
"""(name, content) -> document; raises ``CorpusError`` naming the file, the line and the reason."""
