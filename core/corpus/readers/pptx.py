"""PPTX: a section for each slide, under its title; its notes stand at its end. The number of the slide is its page."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from core.corpus.readers.archive import opened, unreadable
from core.corpus.readers.base import Document
from core.corpus.readers.outline import Outline

if TYPE_CHECKING:
    from pptx.slide import Slide
    from pptx.text.text import TextFrame

_DEEPEST = 20


def read_pptx(name: str, content: bytes) -> Document:
    """Reads the slides of a presentation.

    Raises:
        CorpusError: It is damaged, protected with a password, or unpacks to too much.
    """
    from lxml.etree import LxmlError
    from pptx import Presentation
    from pptx.exc import PythonPptxError

    opened(name, content, "PPTX").close()
    damage = (PythonPptxError, LxmlError, zipfile.BadZipFile, ValueError, KeyError, AttributeError, TypeError)
    outline = Outline(name)
    try:
        for number, slide in enumerate(Presentation(io.BytesIO(content)).slides, 1):
            _add(outline, number, slide)
    except damage as error:
        raise unreadable(name, "PPTX", error) from error
    return Document(outline.sections())


def _add(outline: Outline, number: int, slide: Slide) -> None:
    outline.page(number)
    title = slide.shapes.title
    outline.heading(1, title.text_frame.text if title is not None else "")
    shapes = [shape for shape in _flat(slide.shapes, 0) if title is None or shape.shape_id != title.shape_id]
    for shape in sorted(shapes, key=lambda shape: (shape.top or 0, shape.left or 0)):
        if getattr(shape, "has_table", False) and shape.has_table:
            rows = [[cell.text_frame.text for cell in row.cells] for row in shape.table.rows]
            outline.table(rows, True if shape.table.first_row else None)
        elif shape.has_text_frame:
            _add_text(outline, shape.text_frame)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        for line in slide.notes_slide.notes_text_frame.text.split("\n"):
            outline.paragraph(line)


def _flat(shapes: Iterable[Any], depth: int) -> Iterator[Any]:
    """Shapes, and those within groups; what stands on every slide (date, number) is left out."""
    from pptx.enum.shapes import MSO_SHAPE_TYPE, PP_PLACEHOLDER

    running = {PP_PLACEHOLDER.DATE, PP_PLACEHOLDER.FOOTER, PP_PLACEHOLDER.SLIDE_NUMBER, PP_PLACEHOLDER.HEADER}
    for shape in shapes:
        if shape.shape_type == MSO_SHAPE_TYPE.GROUP and depth < _DEEPEST:
            yield from _flat(shape.shapes, depth + 1)
        elif not (shape.is_placeholder and shape.placeholder_format.type in running):
            yield shape


def _add_text(outline: Outline, frame: TextFrame) -> None:
    """Several paragraphs of a text frame are the points of a list, one is a paragraph."""
    paragraphs = [(paragraph.level, text) for paragraph in frame.paragraphs if (text := paragraph.text.strip())]
    if len(paragraphs) > 1:
        outline.listing([f"{'  ' * level}- {text}" for level, text in paragraphs])
    elif paragraphs:
        outline.paragraph(paragraphs[0][1])
