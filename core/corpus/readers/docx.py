"""DOCX: mammoth converts styles (headings, lists, tables, notes) to HTML, which is then read as HTML.

python-docx gives paragraphs without the numbers of their lists and without footnotes. Headers, footers, comments,
deleted text and macros are left out; pictures are not opened.
"""

from __future__ import annotations

import io
import zipfile
from collections import defaultdict
from typing import TYPE_CHECKING
from xml.parsers.expat import ExpatError

import regex

from core.corpus.readers.archive import opened, unreadable
from core.corpus.readers.base import Document
from core.corpus.readers.html import add_html
from core.corpus.readers.outline import Outline

if TYPE_CHECKING:
    from lxml.etree import _Element

_STYLES = """
p[style-name='Title'] => h1:fresh
p[style-name='Subtitle'] => p:fresh
p[style-name='Heading 1'] => h2:fresh
p[style-name='Heading 2'] => h3:fresh
p[style-name='Heading 3'] => h4:fresh
p[style-name='Heading 4'] => h5:fresh
"""
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_NUMBERED = regex.compile(r'<li><a id="item-number-(\d+)"></a>')
_DAMAGE = (ValueError, KeyError, TypeError, AttributeError, IndexError, OSError, ExpatError, zipfile.BadZipFile)


def read_docx(name: str, content: bytes) -> Document:
    """Reads a text of Word or another office program.

    Raises:
        CorpusError: It is damaged, protected with a password, or unpacks to too much.
    """
    import mammoth
    from lxml.etree import LxmlError

    try:
        with opened(name, content, "DOCX") as archive:
            file = _numbered(archive)
        page = mammoth.convert_to_html(file, style_map=_STYLES, convert_image=lambda picture: []).value
        page = _NUMBERED.sub(r'<li value="\1">', page)
    except (*_DAMAGE, LxmlError) as error:
        raise unreadable(name, "DOCX", error) from error
    outline = Outline(name)
    if page.strip():
        add_html(outline, page, name)
    return Document(outline.sections())


def _numbered(archive: zipfile.ZipFile) -> io.BytesIO:
    """The file with the number of each item as a bookmark in it: lists that resume would begin again at one."""
    from lxml import etree

    parts = {part: archive.read(part) for part in archive.namelist() if not part.startswith("word/media/")}
    if (numbering := parts.get("word/numbering.xml")) is not None and "word/document.xml" in parts:
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        body = etree.fromstring(parts["word/document.xml"], parser)
        _add_numbers(body, etree.fromstring(numbering, parser))
        parts["word/document.xml"] = etree.tostring(body)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as copy:
        for part, content in parts.items():
            copy.writestr(part, content)
    return file


def _add_numbers(body: _Element, numbering: _Element) -> None:
    """Counts as Word does: lists of one definition go on counting, unless one says where it starts."""
    from lxml import etree

    def value(element: _Element | None, path: str, usual: str = "") -> str:
        child = element.find(path) if element is not None else None
        return usual if child is None else child.get(f"{_W}val", usual)

    first = {
        (definition.get(f"{_W}abstractNumId"), level.get(f"{_W}ilvl")): int(value(level, f"{_W}start", "1"))
        for definition in numbering.iter(f"{_W}abstractNum")
        for level in definition.iter(f"{_W}lvl")
    }
    lists = {number.get(f"{_W}numId"): number for number in numbering.iter(f"{_W}num")}
    counts: defaultdict[str, dict[int, int]] = defaultdict(dict)
    begun: set[tuple[str, str]] = set()
    for paragraph in body.iter(f"{_W}p"):
        properties = paragraph.find(f"{_W}pPr/{_W}numPr")
        number, level = value(properties, f"{_W}numId"), value(properties, f"{_W}ilvl", "0")
        if number not in lists or not level.isdecimal():
            continue
        definition = value(lists[number], f"{_W}abstractNumId")
        count, depth = counts[definition], int(level)
        start = value(lists[number], f"{_W}lvlOverride[@{_W}ilvl='{level}']/{_W}startOverride")
        if start.isdecimal() and (number, level) not in begun:
            count[depth] = int(start) - 1
        begun.add((number, level))
        count[depth] = count.get(depth, first.get((definition, level), 1) - 1) + 1
        for deeper in [other for other in count if other > depth]:
            del count[deeper]
        mark = etree.Element(f"{_W}bookmarkStart", {f"{_W}name": f"item-number-{count[depth]}"})
        paragraph.insert(1, mark)
