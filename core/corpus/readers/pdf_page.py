"""Text and ruled lines of a PDF page with their positions: characters to words, words to pieces of lines.

Coordinates are points from the lower left corner, as in the file. PDFium says of each character its code, its box and
which way it runs; all else is made of that.
"""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import pi
from typing import TYPE_CHECKING

import regex

if TYPE_CHECKING:
    from pypdfium2 import PdfPage, PdfTextPage

HYPHEN = "\x02"
"""How PDFium says that a word is broken at the end of a line."""
_SPACE = regex.compile(r"[\s\x00]")
_MARKER = regex.compile(r"(?:[•●▪■◦‣∙·*–—-]|\(?\d{1,3}(?:\.\d{1,2})*[.)]?|\(?[A-Za-z][.)])")
_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_WORD_GAP = 0.16
"""Of the height of the letters: a wider gap parts words, ``PIECE_GAP`` parts columns and cells."""
PIECE_GAP = 1.05
_SAME_LINE = 0.35
_BELOW, _ABOVE = 0.22, 0.78
"""How far a line is printed under and over its baseline, of the height of its letters."""
_THIN = 2.5


@dataclass(frozen=True)
class Piece:
    """A word, or words in one line without a wide gap.

    Attributes:
        size: Height of its line of letters.
        bold: Whether all of it is.
        spaced: Whether the file writes a space before it, however narrow.
    """

    text: str
    x0: float
    x1: float
    y: float
    size: float
    bold: bool = False
    spaced: bool = False

    @property
    def bottom(self) -> float:
        """How far down its letters are printed."""
        return self.y - _BELOW * self.size

    @property
    def top(self) -> float:
        """How far up its letters are printed."""
        return self.y + _ABOVE * self.size


@dataclass(frozen=True)
class Rules:
    """Ruled lines: (x, y0, y1) of those that stand, (y, x0, x1) of those that lie."""

    standing: tuple[tuple[float, float, float], ...]
    lying: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True)
class Way:
    """Which way the text of a page runs; its pieces and rules are turned so that it runs to the right.

    Attributes:
        quarters: 0 to the right, 1 downwards, 3 upwards; upside down is left out.
        width: Of the page as it lies.
        height: Of the page as it lies.
    """

    quarters: int
    width: float
    height: float

    @property
    def top(self) -> float:
        """Height of the page once it is turned."""
        return self.width if self.quarters else self.height

    def turned(self, x: float, y: float) -> tuple[float, float]:
        """A point of the page, turned."""
        if self.quarters == 1:
            return self.height - y, x
        return (y, self.width - x) if self.quarters == 3 else (x, y)

    def box(self, left: float, bottom: float, right: float, top: float) -> tuple[float, float, float, float]:
        """A box of the page, turned: left, bottom, right, top."""
        (x0, y0), (x1, y1) = self.turned(left, bottom), self.turned(right, top)
        return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def way_of(page: PdfPage, text: PdfTextPage) -> Way:
    """The way in which most characters of a page run."""
    width, height = page.get_size()
    if page.get_rotation() % 180:
        width, height = height, width
    ways = Counter(_quarters(text, number) for number in range(text.count_chars()))
    return Way(ways.most_common(1)[0][0] if ways else 0, width, height)


def _quarters(text: PdfTextPage, number: int) -> int:
    import pypdfium2.raw as pdfium

    angle = pdfium.FPDFText_GetCharAngle(text, number) / (pi / 2)
    return round(angle) % 4 if abs(angle - round(angle)) < 0.06 else -1


def words(text: PdfTextPage, way: Way) -> list[Piece]:
    """The words of a page that run its way, in the order in which they are drawn."""
    result: list[Piece] = []
    goes_on = spaced = False
    for character in _characters(text, way):
        if not isinstance(character, Piece):
            goes_on, spaced = False, spaced or character
        elif goes_on and _goes_on(result[-1], character):
            word = result[-1]
            result[-1] = replace(
                word, text=word.text + character.text, x1=max(word.x1, character.x1), bold=word.bold and character.bold
            )
        else:
            result.append(replace(character, spaced=spaced))
            goes_on, spaced = True, False
    return _without_copies(result)


def _without_copies(words: Sequence[Piece]) -> list[Piece]:
    """The words without those that are drawn once more in their place, to look bold or to cast a shadow."""
    drawn: dict[str, list[Piece]] = {}
    for word in words:
        same = drawn.setdefault(word.text, [])
        if not any(max(abs(word.x0 - other.x0), abs(word.y - other.y)) < 0.15 * word.size for other in same):
            same.append(word)
    first_drawn = {id(word) for same in drawn.values() for word in same}
    return [word for word in words if id(word) in first_drawn]


def _goes_on(word: Piece, character: Piece) -> bool:
    same = abs(word.y - character.y) < 0.1 * word.size and abs(word.size - character.size) < 0.2 * word.size
    return same and -0.3 * word.size < character.x0 - word.x1 < _WORD_GAP * word.size


def _characters(text: PdfTextPage, way: Way) -> Iterator[Piece | bool]:
    """Each character that runs the page's way as a piece; for others, space and the end of a line, if it is written.

    PDFium adds space where it sees a gap, too.
    """
    import pypdfium2.raw as pdfium

    box = pdfium.FS_RECTF()
    x, y = ctypes.c_double(), ctypes.c_double()
    name, flags = ctypes.create_string_buffer(64), ctypes.c_int()
    for number in range(text.count_chars()):
        code = pdfium.FPDFText_GetUnicode(text, number)
        letter = chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"
        if _SPACE.match(letter) or _quarters(text, number) != way.quarters:
            yield letter == " " and not pdfium.FPDFText_IsGenerated(text, number)
            continue
        pdfium.FPDFText_GetLooseCharBox(text, number, ctypes.byref(box))
        pdfium.FPDFText_GetCharOrigin(text, number, ctypes.byref(x), ctypes.byref(y))
        bold = pdfium.FPDFText_GetFontWeight(text, number) >= 600
        if not bold:  # the fonts that every viewer has are known by their name alone
            pdfium.FPDFText_GetFontInfo(text, number, name, len(name), flags)
            bold = b"Bold" in name.value
        left, bottom, right, top = way.box(box.left, box.bottom, box.right, box.top)
        yield Piece(letter, left, right, way.turned(x.value, y.value)[1], max(top - bottom, 0.1), bold)


def rules(page: PdfPage, way: Way) -> Rules:
    """The ruled lines of a page, and the edges of its boxes."""
    import pypdfium2.raw as pdfium

    standing: list[tuple[float, float, float]] = []
    lying: list[tuple[float, float, float]] = []
    for drawn in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_PATH], max_depth=3):
        bounds, form = drawn.get_bounds(), drawn.container
        while form:  # what a form draws, it says in coordinates of its own
            bounds, form = form.get_matrix().on_rect(*bounds), form.container
        left, bottom, right, top = way.box(*bounds)
        if right - left < _THIN and top - bottom > 6:
            standing.append(((left + right) / 2, bottom, top))
        elif top - bottom < _THIN and right - left > 6:
            lying.append(((bottom + top) / 2, left, right))
        elif right - left > 6 and top - bottom > 6:
            standing += [(left, bottom, top), (right, bottom, top)]
            lying += [(bottom, left, right), (top, left, right)]
    return Rules(tuple(standing), tuple(lying))


def rows(pieces: Iterable[Piece]) -> list[list[Piece]]:
    """Pieces by line from the top, each line from the left."""
    lines: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda piece: (-piece.y, piece.x0)):
        if lines and lines[-1][0].y - piece.y < _SAME_LINE * max(lines[-1][0].size, piece.size):
            lines[-1].append(piece)
        else:
            lines.append([piece])
    return [sorted(line, key=lambda piece: piece.x0) for line in lines]


def pieces(words: Sequence[Piece]) -> list[Piece]:
    """Words joined up to the next wide gap; the mark of an item stays with it."""
    joined: list[Piece] = []
    for line in rows(_with_raised(words)):
        parts: list[Piece] = []
        for word in line:
            if parts and word.x0 - parts[-1].x1 < PIECE_GAP * max(word.size, parts[-1].size):
                parts[-1] = join(parts[-1], word)
            else:
                parts.append(word)
        if len(parts) == 2 and _MARKER.fullmatch(parts[0].text) and parts[1].text[:1].isalpha():
            parts = [join(*parts)] if parts[1].x0 - parts[0].x1 < 4 * parts[0].size else parts
        joined += parts
    return joined


def join(left: Piece, right: Piece) -> Piece:
    """Two pieces of a line as one."""
    size = max(left.size, right.size)
    tight = not right.spaced and right.x0 - left.x1 < 0.12 * size
    text = left.text + ("" if tight else " ") + right.text
    return Piece(text, left.x0, max(left.x1, right.x1), left.y, size, left.bold and right.bold, left.spaced)


def _with_raised(words: Sequence[Piece]) -> list[Piece]:
    """The words, small raised digits as part of the word they stand at ("near miss¹", "10⁶")."""
    small = [word for word in words if word.text.isdigit() and len(word.text) < 4]
    bodies = [word for word in words if word not in small]
    raised: dict[int, list[Piece]] = {}
    result: list[Piece] = []
    for mark in small:
        at = next((i for i, word in enumerate(words) if _stands_at(mark, word)), None)
        if at is None:
            result.append(mark)
        else:
            raised.setdefault(at, []).append(mark)
    if not raised:
        return list(words)
    joined = [
        replace(
            word,
            text=word.text + "".join(mark.text.translate(_SUPERSCRIPT) for mark in raised[i]),
            x1=max(mark.x1 for mark in raised[i]),
        )
        for i, word in enumerate(words)
        if i in raised
    ]
    untouched = {id(words[i]) for i in raised}
    return [word for word in (*bodies, *result) if id(word) not in untouched] + joined


def _stands_at(mark: Piece, word: Piece) -> bool:
    smaller = mark.size < 0.8 * word.size
    return smaller and 0.15 < (mark.y - word.y) / word.size < 0.7 and abs(mark.x0 - word.x1) < 0.2 * word.size
