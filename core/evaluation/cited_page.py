"""The page of a document that an answer rests on, with the supporting sentence marked: one for every front."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from core.corpus.originals import original
from core.corpus.readers.page_picture import page_picture
from core.corpus.types import Box, Corpus, boxes_within
from core.evaluation.grounding import find_support
from core.methods.base import Answer, Evidence
from core.workspace import Workspace

PICTURES = 3
"""Most pages that are shown without being asked for one by one."""


@dataclass(frozen=True)
class CitedPage:
    """A page with marks on it.

    Attributes:
        marks: What is marked; the first says which page.
    """

    file: Path
    marks: tuple[Box, ...]
    cited: str

    def picture(self) -> bytes:
        """The page as WebP, drawn once.

        Raises:
            CorpusError: It cannot be drawn.
        """
        return _drawn(self.file, self.marks)


def cited_page(ws: Workspace, corpus: Corpus, piece: Evidence, holds: tuple[int, int] | None) -> CitedPage | None:
    """The page of a piece of evidence; None where its file is not kept, has no pages or has been replaced.

    Args:
        holds: Characters of the supporting sentence; the whole passage is marked where there is none, or where the
            evidence was written from Z and not read.
    """
    file = original(ws, piece.source)
    passage = next((passage for passage in corpus.passages if passage.id == piece.passage_id), None)
    if file is None or passage is None or passage.source != piece.source:
        return None
    start, end = holds if holds and passage.text == piece.text else (0, len(passage.text))
    marks = boxes_within(passage.boxes, start, end)
    return CitedPage(file, marks, piece.cited) if marks else None


def supporting_pages(
    ws: Workspace, corpus: Corpus, answers: Iterable[Answer], most: int = PICTURES
) -> dict[CitedPage, list[str]]:
    """The pages with the sentences that support some answers, and the methods that rest on each."""
    pages: dict[CitedPage, list[str]] = {}
    for answer in answers:
        support = find_support(answer.text, answer.question, [piece.text for piece in answer.evidence])
        page = support and cited_page(ws, corpus, answer.evidence[support.text_index], (support.start, support.end))
        if page and (page in pages or len(pages) < most):
            pages.setdefault(page, []).append(answer.method)
    return pages


@lru_cache(maxsize=64)
def _drawn(file: Path, marks: tuple[Box, ...]) -> bytes:
    """The file under that path never changes: its name is its digest."""
    return page_picture(file.read_bytes(), marks)
