"""DOCX: mammoth converts styles (headings, lists, tables, notes) to HTML, which is then read as HTML.

python-docx gives paragraphs without the numbers of their lists and without footnotes. Headers, footers, comments,
deleted text and macros are left out; pictures are not opened.
"""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING
from xml.parsers.expat import ExpatError

from core.corpus.readers.archive import opened, unreadable
from core.corpus.readers.base import USUAL_COLUMNS, Columns, Document
from core.corpus.readers.html import add_html
from core.corpus.readers.outline import Outline

if TYPE_CHECKING:
    from mammoth.documents import Image

_STYLES = """
p[style-name='Title'] => h1:fresh
p[style-name='Subtitle'] => p:fresh
p[style-name='Heading 1'] => h2:fresh
p[style-name='Heading 2'] => h3:fresh
p[style-name='Heading 3'] => h4:fresh
p[style-name='Heading 4'] => h5:fresh
"""
_DAMAGE = (ValueError, KeyError, TypeError, AttributeError, IndexError, OSError, ExpatError, zipfile.BadZipFile)


def read_docx(name: str, content: bytes, columns: Columns = USUAL_COLUMNS) -> Document:
    """Reads a text of Word or another office program.

    Raises:
        CorpusError: It is damaged, protected with a password, or unpacks to too much.
    """
    import mammoth

    opened(name, content, "DOCX").close()

    def no_picture(image: Image) -> list[object]:
        return []

    try:
        page = mammoth.convert_to_html(io.BytesIO(content), style_map=_STYLES, convert_image=no_picture).value
    except _DAMAGE as error:
        raise unreadable(name, "DOCX", error) from error
    outline = Outline(name)
    if page.strip():
        add_html(outline, page, name)
    return Document(outline.sections())
