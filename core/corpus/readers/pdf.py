"""PDF: sections under their headings, over the edges of pages, with the page on which each part of them stands.

PDFium (pypdfium2; BSD and Apache licences) says which characters stand where; lines, columns, tables and headings are
made of that here. On the cases pypdf lost the columns of tables and mathematical letters, kreuzberg gave the table as
lines without columns, pdfplumber took longer for one page than PDFium for six.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import regex

from core.corpus.limits import check_size, clean_title, refused
from core.corpus.readers import ocr
from core.corpus.readers.archive import unreadable
from core.corpus.readers.base import Document
from core.corpus.readers.outline import Outline
from core.corpus.readers.pdf_flow import (
    Block,
    blocks,
    flowing,
    heading_level,
    in_lines,
    in_order,
    note_of,
    without_running,
)
from core.corpus.readers.pdf_page import Piece, Rules, pieces, rules, way_of, words
from core.corpus.readers.pdf_tables import Table, find_tables, within
from core.corpus.types import Box
from core.messages import joined, message

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

MAX_PAGES = 2_000
MAX_CHARACTERS = 50_000_000
_UNREADABLE = regex.compile(r"[\p{Co}\p{Cn}\ufffd]")
_NO_TITLE = {"untitled", "about:blank", "unnamed", "title"}
_FILE_NAME = regex.compile(r"\.(?:docx?|dotx?|rtf|odt|indd|qxd|tex|dvi|exe|pdf|pptx?|xlsx?|html?)\Z", regex.IGNORECASE)
_HYPHENATED = regex.compile(r"\p{L}+(?:-\p{L}+)+")
_SCANNED = "Run text recognition (OCR) on it first."


@dataclass(frozen=True)
class _Page:
    number: int
    height: float
    pieces: tuple[Piece, ...]
    tables: tuple[Table, ...]
    turned: bool = False


def read_pdf(name: str, content: bytes) -> Document:
    """Reads the text of a PDF; pages without any through text recognition where Tesseract is installed.

    Raises:
        CorpusError: It is damaged, protected with a password, has too many pages or too much text, or none that can be
            read.
    """
    import pypdfium2 as pdfium

    check_size(name, len(content))
    try:
        pdf = pdfium.PdfDocument(content)
        return _read(name, pdf)
    except pdfium.PdfiumError as error:
        if "password" in str(error).casefold():
            raise refused(name, "is protected with a password", "Save a copy without one.") from error
        raise unreadable(name, "PDF", error) from error


def _read(name: str, pdf: PdfDocument) -> Document:
    if len(pdf) > MAX_PAGES:
        why = message("has {n:,} pages, and {limit:,} is the limit", n=len(pdf), limit=MAX_PAGES)
        raise refused(name, why, "Split it.")
    pages = _pages(name, pdf)
    filled = [page for page in pages if page.pieces or page.tables]
    recognised = ocr.recognise(pdf, [page.number for page in pages if page not in filled])
    if not filled and not any(recognised.values()):
        why = message("holds no text on its {n} pages: it seems to be scanned", n=len(pages))
        raise refused(name, why, _SCANNED)
    unreadable = _check_letters(name, pages)
    title = _title(name, str(pdf.get_metadata_dict().get("Title") or ""))
    outline = Outline(name)
    _Writer(outline, title, filled).write(pages, recognised)
    empty = len(pages) - len(filled) - sum(map(bool, recognised.values()))
    notes = [message("{n} of {total} pages hold no text", n=empty, total=len(pages))] if empty else []
    read_by_eye = sum(map(bool, recognised.values()))
    if read_by_eye:
        notes.append(message("{n} of {total} pages read by text recognition", n=read_by_eye, total=len(pages)))
    if unreadable:
        notes.append(message("{n:.0%} of its letters cannot be told", n=unreadable))
    return Document(outline.sections(), joined("; ", notes) if notes else "", title)


def _title(name: str, given: str) -> str:
    """The title a document gives itself; empty where it is what a program left there, or the name of a file."""
    title = clean_title(given.replace("\0", ""), name).removeprefix("Microsoft Word - ")
    return "" if title.casefold() in _NO_TITLE or _FILE_NAME.search(title) else title


def _pages(name: str, pdf: PdfDocument) -> list[_Page]:
    contents: list[tuple[list[Piece], Rules, float, bool]] = []
    characters = 0
    for number in range(len(pdf)):
        page = pdf[number]
        text = page.get_textpage()
        characters += text.count_chars()
        if characters > MAX_CHARACTERS:
            why = message("holds more than {n:,} characters", n=MAX_CHARACTERS)
            raise refused(name, why, "Split it into smaller files.")
        way = way_of(page, text)
        contents.append((words(text, way), rules(page, way), way.top, bool(way.quarters)))
        text.close()
        page.close()
    heights = [height for _, _, height, _ in contents]
    bodies = without_running([pieces(own) for own, *_ in contents], heights)
    pages = []
    for number, (own, drawn, height, turned) in enumerate(contents):
        tables = find_tables([word for word in own if _among(word, bodies[number])], bodies[number], drawn)
        rest = [piece for piece in bodies[number] if not any(within(piece, table) for table in tables)]
        pages.append(_Page(number + 1, height, tuple(rest), tuple(tables), turned))
    return pages


def _among(word: Piece, body: Sequence[Piece]) -> bool:
    """Whether a word is part of a piece of the body."""
    return any(
        piece.x0 <= word.x0 + 0.1 and word.x1 <= piece.x1 + 0.1 and abs(piece.y - word.y) < word.size for piece in body
    )


def _check_letters(name: str, pages: Sequence[_Page]) -> float:
    """The share of characters that stand for no letter, where it is worth a note.

    Raises:
        CorpusError: It is a third and more: the fonts do not say which letters they draw.
    """
    text = "".join(piece.text for page in pages for piece in page.pieces)
    text += "".join(cell for page in pages for table in page.tables for row in table.cells for cell in row)
    share = len(_UNREADABLE.findall(text)) / max(1, len(text))
    if share > 1 / 3:
        raise refused(name, "does not say which letters its fonts draw: its text cannot be read", _SCANNED)
    return share if share > 0.01 else 0.0


class _Writer:
    """Turns the blocks of pages into an outline; notes wait for the paragraph that refers to them."""

    def __init__(self, outline: Outline, title: str, pages: Sequence[_Page]) -> None:
        self._outline = outline
        self._title = title.casefold()
        sizes: Counter[float] = Counter()
        for page in pages:
            for piece in page.pieces:
                sizes[round(piece.size, 1)] += len(piece.text)
        self._body = sizes.most_common(1)[0][0] if sizes else 0.0
        lines = (piece.text for page in pages for piece in page.pieces)
        self._hyphenated = frozenset(word.casefold() for line in lines for word in _HYPHENATED.findall(line))
        self._items: list[tuple[str, tuple[Box, ...]]] = []
        self._printed_on = 0
        self._sizes: list[float] = []

    def write(self, pages: Sequence[_Page], recognised: dict[int, str]) -> None:
        laid_out = [(page, blocks(in_order([*page.pieces, *page.tables]), self._body, page.height)) for page in pages]
        heads = {round(block.lines[0].size, 1) for _, group in laid_out for block in group if block.kind == "heading"}
        self._sizes = sorted(heads, reverse=True)
        for page, group in laid_out:
            self._outline.page(page.number)
            self._printed_on = 0 if page.turned else page.number
            self._page(group)
            for paragraph in recognised.get(page.number, "").split("\n\n"):
                self._outline.paragraph(paragraph)

    def _page(self, group: Sequence[Block]) -> None:
        notes = dict(note_of(self._text(block)) for block in group if block.kind == "note")
        for block in group:
            if block.kind == "note" or (
                block.lines and not any(c.isalnum() for line in block.lines for c in line.text)
            ):
                continue  # also marks that stand beside names, and ornaments
            if block.kind != "item":
                self._close_list()
            if block.table:
                rows = [Box(0, 0, self._printed_on, *place) for place in block.table.rows] if self._printed_on else ()
                self._outline.table(block.table.cells, block.table.header, boxes=rows)
            elif block.kind == "item":
                self._items.append(self._placed(block))
            elif block.kind == "heading":
                self._heading(block)
            else:
                self._paragraph(block, notes)
        self._close_list()
        for mark, note in notes.items():
            self._outline.paragraph(f"{mark} {note}".strip())

    def _paragraph(self, block: Block, notes: dict[str, str]) -> None:
        text, boxes = self._placed(block)
        first = block.lines[0].text[:1]
        continues = self._outline.open_ended and (first.islower() or self._outline.between_pages)
        self._outline.paragraph(text, continues, boxes)
        for mark in [mark for mark in notes if mark and mark in text]:
            self._outline.paragraph(f"{mark} {notes.pop(mark)}")

    def _heading(self, block: Block) -> None:
        text = self._text(block)
        size = round(max(line.size for line in block.lines), 1)
        same = text.casefold() == self._title
        self._outline.heading(heading_level(text, size, self._sizes), "" if same else text)

    def _close_list(self) -> None:
        if self._items:
            self._outline.listing(*zip(*self._items, strict=True))
            self._items = []

    def _text(self, block: Block) -> str:
        return self._placed(block)[0]

    def _placed(self, block: Block) -> tuple[str, tuple[Box, ...]]:
        """The text of a block, and where each line of it is printed."""
        as_lines = block.kind == "paragraph" and in_lines(block.lines)
        text, starts = flowing([line.text for line in block.lines], self._hyphenated, as_lines)
        if not self._printed_on:
            return text, ()
        ends = [*starts[1:], len(text)]
        places = [(line.x0, line.bottom, line.x1, line.top) for line in block.lines]
        return text, tuple(
            Box(start, end, self._printed_on, *(round(value, 1) for value in place))
            for start, end, place in zip(starts, ends, places, strict=True)
        )
