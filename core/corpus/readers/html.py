"""HTML: the visible text. Scripts, styles, menus and hidden parts are left out; nothing is fetched.

lxml parses it (a page of 200,000 nested elements takes it milliseconds, selectolax three minutes). Markdown, DOCX and
EPUB are turned into HTML by their own libraries and read here too, so that all of them keep the same structure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

import regex

from core.corpus.limits import refused
from core.corpus.readers.base import Document
from core.corpus.readers.encodings import decode
from core.corpus.readers.outline import Outline, behind

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_SKIPPED = {
    "script", "style", "head", "nav", "template", "noscript", "svg", "math", "iframe", "object", "embed", "canvas",
    "audio", "video", "button", "select", "input", "textarea", "form", "dialog",
}  # fmt: skip
_OUTSIDE = {"header", "footer", "aside"}
"""Left out where they are the page's; within an article they belong to it."""
_BLOCKS = {
    "address", "article", "blockquote", "body", "center", "details", "dd", "div", "dl", "dt", "fieldset", "figcaption",
    "figure", "footer", "header", "aside", "hr", "html", "li", "main", "ol", "p", "pre", "section", "summary", "table",
    "ul", *_HEADINGS,
}  # fmt: skip
_BEYOND_LINES = {"table", "pre", "ul", "ol", "dl", *_HEADINGS}
"""What does not fit into the line of a definition."""
_DEEPEST = 200
_BREAK = "\u2028"
"""Where a line ends because the page says so, and not because its source is written in lines."""
_SPACE = regex.compile(r"[^\S\u00a0]+")
_BACK = regex.compile(r"\s*[↑↩^]\ufe0e?\s*\Z")
_CHARSET = regex.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?\s*([\w-]{2,20})""", regex.IGNORECASE)


def read_html(name: str, content: bytes) -> Document:
    """Reads a page saved as HTML.

    Raises:
        CorpusError: It is in an unknown encoding, or holds no page.
    """
    declared = _CHARSET.search(content[:4_096])
    try:
        text, note = content.decode(declared[1].decode()) if declared else "", ""
    except (LookupError, UnicodeDecodeError):
        text, note = "", ""
    if not text or "\0" in text:
        text, note = decode(name, content, longest_line=len(content))  # pages are often written without a break
    outline = Outline(name)
    title = add_html(outline, text, name)
    return Document(outline.sections(), note, title)


def add_html(outline: Outline, text: str, where: str) -> str:
    """Adds what a page holds to an outline; returns its title.

    Raises:
        CorpusError: There is nothing that can be parsed.
    """
    from lxml import etree, html

    parser = html.HTMLParser(encoding="utf-8", no_network=True, huge_tree=True, remove_comments=True, remove_pis=True)
    try:
        root = html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError) as error:
        raise refused(where, "holds no text", "Choose a file with text in it.") from error
    heading = root.find(".//title")
    title = " ".join((heading.text_content() if heading is not None else "").split())
    body = root.find("body")
    if body is not None:
        walk = _Walk(outline, body)
        walk.block(body, 0)
        walk.flush()
    return title


class _Walk:
    def __init__(self, outline: Outline, body: HtmlElement) -> None:
        self._outline = outline
        self._words: list[str] = []
        self._notes: dict[str, str] = {}
        self._note_elements: set[HtmlElement] = set()
        self._find_notes(body)

    def _find_notes(self, body: HtmlElement) -> None:
        """Notes are what a mark links to, where a link leads back from there to the mark."""
        targets = {element.get("id"): element for element in body.iter() if element.get("id")}
        for link in body.iter("a"):
            note = targets.get((link.get("href") or "").removeprefix("#"))
            mark = _flat("".join(link.itertext()))
            if note is None or not mark or len(mark) > 6 or note in self._note_elements:
                continue
            marks_here = {link.get("id")} | {
                parent.get("id") for parent in link.iterancestors() if parent.tag in ("sup", "span")
            }
            back = {(other.get("href") or "").removeprefix("#") for other in note.iter("a")}
            if marks_here & back - {None, ""}:
                self._notes[mark] = _BACK.sub("", _flat("".join(_words(note, 0))))
                self._note_elements.add(note)

    def flush(self, continues: bool = False) -> None:
        text = "".join(self._words)
        lines = _lines(text)
        text = lines if lines.count("\n") > 1 else _flat(text)  # verses, an address; a single break says little
        self._words = []
        if text:
            self._outline.paragraph(text)
            for note in behind(text, self._notes):
                self._outline.paragraph(note)

    def block(self, element: HtmlElement, depth: int) -> None:
        self._words.append(element.text or "")
        for child in element:
            self._child(child, depth + 1)
            self._words.append(child.tail or "")

    def _child(self, child: HtmlElement, depth: int) -> None:
        tag = child.tag
        if _left_out(child) or child in self._note_elements:
            return
        if depth > _DEEPEST or tag not in _BLOCKS:
            if depth <= _DEEPEST and any(inner.tag in _BLOCKS for inner in child.iterdescendants()):
                self.block(child, depth)
            else:
                self._words.extend(_words(child, depth))
            return
        self.flush()
        if tag in _HEADINGS:
            self._outline.heading(_HEADINGS[tag], _flat("".join(_words(child, depth))))
        elif tag in ("ul", "ol"):
            self._outline.listing(list(_items(child, depth, "", self._note_elements)))
        elif tag == "dl" and not any(inner.tag in _BEYOND_LINES for inner in child.iterdescendants()):
            self._outline.listing(list(_definitions(child, depth, self._note_elements)))
        elif tag == "table":
            self._table(child, depth)
        elif tag == "pre":
            self._outline.paragraph("".join(child.itertext()).strip("\n"))
        else:
            self.block(child, depth)
            self.flush()

    def _table(self, table: HtmlElement, depth: int) -> None:
        if any(inner is not table for inner in table.iter("table")):  # a table of tables is there for the layout
            for cell in table.iter("td", "th"):
                if next(cell.iterancestors("table")) is table:
                    self.block(cell, depth)
                    self.flush()
            return
        caption = table.find("caption")
        rows = _cells(table, depth)
        header = True if _marked_header(table) else None
        self._outline.table(rows, header, "" if caption is None else _flat("".join(caption.itertext())))


def _left_out(element: HtmlElement) -> bool:
    tag = element.tag
    if not isinstance(tag, str) or tag in _SKIPPED or element.get("hidden") is not None:
        return True
    if element.get("aria-hidden") == "true" or element.get("role") == "navigation":
        return True
    if "display:none" in (element.get("style") or "").replace(" ", ""):
        return True
    return tag in _OUTSIDE and next(element.iterancestors("article", "section", "main"), None) is None


def _words(element: HtmlElement, depth: int) -> Iterator[str]:
    """Text of an element within a line; pictures leave what stands for them."""
    if depth >= 2 * _DEEPEST:
        yield from element.itertext()
        return
    if element.tag == "br":
        yield _BREAK
    elif element.tag == "img":
        yield element.get("alt") or ""
    yield element.text or ""
    number = _start(element)
    for child in element:
        if isinstance(child.tag, str) and child.tag not in _SKIPPED:
            yield _BREAK if child.tag in _BLOCKS else ""
            if child.tag == "li" and element.tag == "ol":
                yield f"{number}. "
                number += 1
            yield from _words(child, depth + 1)
        yield child.tail or ""


def _flat(text: str) -> str:
    return _SPACE.sub(" ", text).strip()


def _lines(text: str) -> str:
    """A text in the lines that the page gives it."""
    return "\n".join(filter(None, map(_flat, text.split(_BREAK))))


def _start(listing: HtmlElement) -> int:
    """The number of the first item of a list."""
    return _number(listing, "start", 1)


def _number(element: HtmlElement, name: str, default: int) -> int:
    value = element.get(name) or ""
    return int(value) if value.isdecimal() and len(value) < 7 else default


def _items(listing: HtmlElement, depth: int, indent: str, notes: Collection[HtmlElement]) -> Iterator[str]:
    """Lines of a list; a list within an item is indented beneath it."""
    number = _start(listing)
    for item in listing:
        if item.tag in ("ul", "ol") and depth < _DEEPEST:  # not within an item: wrong, and common
            yield from _items(item, depth + 1, indent + "  ", notes)
            continue
        if not isinstance(item.tag, str) or _left_out(item) or item in notes:
            continue
        number = _number(item, "value", number)
        marker = f"{number}. " if listing.tag == "ol" else "- "
        number += 1
        inner = [child for child in item if child.tag in ("ul", "ol")]
        for child in inner:
            tail = child.tail or ""
            before = child.getprevious()
            if before is not None:
                before.tail = (before.tail or "") + tail
            else:
                item.text = (item.text or "") + tail
            item.remove(child)
        if own := _flat("".join(_words(item, depth))):
            yield f"{indent}{marker}{own}"
        for child in inner:
            if depth < _DEEPEST:
                yield from _items(child, depth + 1, indent + "  ", notes)


def _definitions(listing: HtmlElement, depth: int, notes: Collection[HtmlElement]) -> Iterator[str]:
    """A line for each term, or terms, with all that is said of it."""
    line: list[str] = []
    defined = False
    for part in listing.iter("dt", "dd"):
        if (term := part.tag == "dt") and defined:
            yield f"- {' '.join(line)}"
            line = []
        text = _flat("".join(_words(part, depth)))
        if text and part not in notes and not _left_out(part):
            line.append(f"{text}:" if term and text[-1] not in ":?!." else text)
        defined = not term
    if line:
        yield f"- {' '.join(line)}"


def _cells(table: HtmlElement, depth: int) -> list[list[str]]:
    """Rows of cells; one that spans several columns or rows stands in each of them."""
    rows: list[list[str]] = []
    below: dict[int, tuple[int, str]] = {}  # column -> rows still covered from above, and their text
    for row in table.iter("tr"):
        cells: list[str] = []
        for cell in row.iterchildren("td", "th"):
            _cover(cells, below)
            text = _lines("".join(_words(cell, depth)))
            text = _flat(text) if cell.tag == "th" else text
            down = _span(cell, "rowspan")
            for _ in range(_span(cell, "colspan")):
                if down > 1:
                    below[len(cells)] = (down - 1, text)
                cells.append(text)
        _cover(cells, below)
        rows.append(cells)
    return rows


def _cover(cells: list[str], below: dict[int, tuple[int, str]]) -> None:
    """Adds the cells that reach into this row from above."""
    while (left := below.get(len(cells), (0, "")))[0]:
        below[len(cells)] = (left[0] - 1, left[1])
        cells.append(left[1])


def _span(cell: HtmlElement, name: str) -> int:
    return min(max(_number(cell, name, 1), 1), 100)


def _marked_header(table: HtmlElement) -> bool:
    first = next(table.iter("tr"), None)
    if first is None:
        return False
    cells = list(first.iterchildren("td", "th"))
    return table.find("thead") is not None or (len(cells) > 1 and all(cell.tag == "th" for cell in cells))
