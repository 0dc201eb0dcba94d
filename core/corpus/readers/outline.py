"""Headings, paragraphs, lists and tables become sections: the one place where structure turns into text.

A heading is the title of what stands beneath it, with the headings above it ("Guide / Install / Linux"). A row of a
table carries its headers ("Boat: Grey Gull; Length (m): 9"). A list stays with the sentence that introduces it, a
footnote stands behind the paragraph that refers to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise, zip_longest

import regex

from core.corpus.limits import clean, clean_title
from core.corpus.readers.base import Section, Span
from core.corpus.types import Box

SEPARATOR = " / "
_NUMBER = regex.compile(r"[-+(]?[\p{Sc}]?\s?\d[\d.,:\s/%–-]*\)?\s?\p{L}{0,3}[\p{Sc}%]?")
_UNIT = (
    r"(?:%|‰|pp[mb]|°\s?[CFK]?|[€$£¥₩]|[kKMGTmµμunc]?(?:g|m|s|[lL]|W|V|A|Hz|J|Pa|bar|B|t|mol|eV|N|Ω|h|Wh)[²³23]?|min|days?|"
    r"months?|years?|hours?|EUR|USD|GBP|KRW|JPY|inch|in|ft|lbs?|원|명|개)"
)
_UNITS = regex.compile(rf"\([^()]{{1,20}}\)|\[[^\[\]]{{1,20}}\]|{_UNIT}(?:\s?[/·]\s?{_UNIT})*")
_CAPTION = regex.compile(r"\s*(?:Table|Tab\.|Tabelle|Tableau|Tabla|표|表)\s*\d")
_YEAR = regex.compile(r"(?:1[5-9]|20)\d\d(?:[/–-]\d{2,4})?")
_LEADERS = regex.compile(r"(?:\s?[.…]){4,}\s*\Z")
"""The dots that lead the eye from a name to its figures."""
_BROKEN = regex.compile(r"\p{Ll}-\Z")
_UNFINISHED = regex.compile(r"[\p{L}\p{N},;(–-]\Z")


class Outline:
    """Collects the blocks of a file in reading order.

    Args:
        where: Name of the file, for refusals.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._trail: list[tuple[int, str]] = []
        self._sections: list[Section] = []
        self._next_page = 0
        self._introduction: int | None = None
        self._list: int | None = None
        self._begin()

    def heading(self, level: int, text: str) -> None:
        """Begins a section; headings of this level and below it end."""
        self._end()
        self._trail = [(depth, name) for depth, name in self._trail if depth < level]
        if title := clean_title(text, self._where):
            self._trail.append((level, title))

    def page(self, number: int) -> None:
        """Sets the page of the text that follows; an unfinished paragraph continues on it."""
        self._next_page = number

    def paragraph(self, text: str, continues: bool = False, boxes: Sequence[Box] = ()) -> None:
        """Adds a paragraph.

        Args:
            continues: It is the rest of the one before it.
        """
        if continues and self._text:
            self._go_on(text, boxes)
            return
        start = self._add(text, "\n\n", boxes)
        introduces = self._text.endswith(":") or _CAPTION.match(text)
        self._introduction = start if start is not None and introduces else None
        self._list = None

    def listing(self, items: Sequence[str], boxes: Sequence[Sequence[Box]] = ()) -> None:
        """Adds a list, each item with its marker ("1. ", "- "); it stays with the introduction before it.

        A list that follows another directly goes on with it: a page ended between them.
        """
        start = self._introduction if self._list is None else self._list
        if self._list is not None:
            self._keep.pop()
        for number, item in enumerate(items):
            own = boxes[number] if boxes else ()
            began = self._add(item, "\n" if number or start is not None else "\n\n", own)
            start = began if start is None else start
        if start is not None:
            self._keep.append((start, len(self._text)))
        self._introduction, self._list = None, start

    def table(
        self, rows: Sequence[Sequence[str]], header: bool | None = None, caption: str = "", boxes: Sequence[Box] = ()
    ) -> None:
        """Adds a table, a line for each of its rows; a row that says something by itself is read by itself.

        Lines of one cell above its first row are its title.

        Args:
            rows: Cells in plain text; rows may differ in length.
            header: Whether the first row names the columns; None looks at the cells.
            caption: Its title; the first row stays with it.
            boxes: Where each row is printed.
        """
        rows, boxes = list(rows), list(boxes)
        while len(rows) > 1 and len(rows[0]) > 1 and sum(bool(cell.strip()) for cell in rows[0]) < 2:
            caption = " ".join(filter(None, (caption, *map(str.strip, rows.pop(0)))))
            boxes = boxes[1:]
        start = self._add(caption, "\n\n") if caption else self._introduction
        lead = start is None
        lines, whole = records(rows, header)
        printed = [box for row, box in zip(rows, boxes, strict=bool(boxes)) if any(cell.split() for cell in row)]
        for line, box in zip_longest(lines, printed[-len(lines) :] if lines else ()):
            printed_at = [box._replace(start=0, end=len(line))] if box else []
            began = self._add(line, "\n\n" if lead else "\n", printed_at)
            if began is not None:
                spans = self._rows if whole else self._keep
                spans.append((began if start is None else start, len(self._text)))
            start, lead = None, False
        self._introduction = self._list = None

    def sections(self) -> tuple[Section, ...]:
        """All that was added."""
        self._end()
        return tuple(self._sections)

    @property
    def open_ended(self) -> bool:
        """Whether the last paragraph stops within a sentence."""
        return bool(_UNFINISHED.search(self._text))

    @property
    def between_pages(self) -> bool:
        """Whether nothing stands on the current page yet."""
        return bool(self._pages) and self._pages[-1][1] != self._next_page

    def _begin(self) -> None:
        self._text = ""
        self._keep: list[Span] = []
        self._rows: list[Span] = []
        self._boxes: list[Box] = []
        self._pages: list[tuple[int, int]] = []
        self._introduction = self._list = None

    def _add(self, text: str, separator: str, boxes: Sequence[Box] = ()) -> int | None:
        """Appends a block; where it begins, or None when it is empty."""
        placed = self._placed(text, boxes)
        indent = text[: len(text) - len(text.lstrip(" "))]
        text = clean(text, self._where)
        if not text:
            return None
        text = indent + text if self._text else text
        if self._text:
            self._text += separator
        start = len(self._text)
        if self._next_page and (not self._pages or self._pages[-1][1] != self._next_page):
            self._pages.append((start, self._next_page))
        self._text += text
        self._boxes += [box._replace(start=start + box.start, end=start + box.end) for box in placed]
        return start

    def _placed(self, text: str, boxes: Sequence[Box]) -> list[Box]:
        """Boxes by the characters of the text once it is clean: cleaning may change how many there are."""
        placed: list[Box] = []
        at = 0
        for box in boxes:
            length = len(clean(f"x{text[box.start : box.end]}x", self._where)) - 2
            placed.append(box._replace(start=at, end=at + length))
            at += length
        return placed

    def _go_on(self, text: str, boxes: Sequence[Box] = ()) -> None:
        """Appends to the last block; a word hyphenated between the two is joined."""
        ends = len(self._text)
        broken = _BROKEN.search(self._text) and text[:1].islower()
        if broken:
            self._text = self._text[:-1]
            if self._boxes and self._boxes[-1].end > len(self._text):
                self._boxes[-1] = self._boxes[-1]._replace(end=len(self._text))
        self._add(text, "" if broken else " ", boxes)
        for spans in (self._keep, self._rows):
            if spans and spans[-1][1] == ends:
                spans[-1] = (spans[-1][0], len(self._text))

    def _end(self) -> None:
        if self._text:
            title = clean_title(SEPARATOR.join(name for _, name in self._trail), self._where)
            keep, rows, pages = tuple(self._keep), tuple(self._rows), tuple(self._pages)
            boxes = tuple(self._boxes)
            self._sections.append(Section(self._text, title, keep=keep, rows=rows, pages=pages, boxes=boxes))
        self._begin()


def records(rows: Sequence[Sequence[str]], header: bool | None = None) -> tuple[list[str], bool]:
    """Rows of a table as lines, and whether each is whole: it carries its headers, or is a name with its value.

    Args:
        rows: Cells in plain text.
        header: Whether the first row names the columns, unless it is empty; None looks at the cells.
    """
    header = header and any(cell.split() for row in rows[:1] for cell in row)
    table = [[_one_line(cell) for cell in row] for row in rows]
    table = [row for row in table if any(row)]
    if not table:
        return [], False
    table = _one_header(_named_with_units(table))
    if len(table) > 1 and (has_header(table) if header is None else header):
        names, *table = table
        return [line for row in table if (line := _named(names, row))], True
    return [line for row in table if (line := _unnamed(row))], all(sum(map(bool, row)) == 2 for row in table)


def _one_line(cell: str) -> str:
    """The lines of a cell as one: those of a list are parted by commas, where nothing else parts them."""
    lines = [line for part in cell.split("\n") if (line := " ".join(_LEADERS.sub("", part).split()))]
    text = "".join(lines[:1])
    for line in lines[1:]:
        goes_on = text[-1] in ".,:;!?-–(" or line[0].islower() or line[0] in "(["
        text += f" {line}" if goes_on else f", {line}"
    return text


def _named_with_units(table: list[list[str]]) -> list[list[str]]:
    """The table with a row of units as part of the names above it: "Limit (ppm)"."""
    for number, row in enumerate(table[1:-1], 1):
        filled = [i for i, cell in enumerate(row) if cell]
        above, below = table[number - 1], table[number + 1]
        if any(_NUMBER.fullmatch(cell) for cell in above if cell):
            return table
        over = all(i < len(above) and above[i] and above[i] != row[i] for i in filled)
        figures = any(i < len(below) and _NUMBER.fullmatch(below[i]) for i in filled)
        if over and figures and all(_UNITS.fullmatch(row[i]) for i in filled):
            names = [f"{name} ({row[i].strip('()[]')})" if i in filled else name for i, name in enumerate(above)]
            return [*table[: number - 1], names, *table[number + 1 :]]
    return table


def _one_header(table: list[list[str]], most: int = 3) -> list[list[str]]:
    """The table with up to ``most`` rows of headers as one: "January, Sales", where the upper says what columns share.

    A name stands over the first or the last of its columns: the columns between take it from the left, or, where the
    first of them is not named, from the right. A name with nothing beneath it is that of its own column.
    """
    if len(table) < 3 or len(table[0]) < 3:
        return table
    above, below, *body = table[0], *(_one_header(table[1:], 2) if most > 2 else table[1:])
    if not body:
        return table
    below = [*below, *[""] * len(above)][: max(len(above), len(below))]
    groups = [cell if name else "" for cell, name in zip_longest(above, below, fillvalue="")]  # others stand alone
    from_left = bool(groups[1]) or not groups[-1]
    for i in range(2, len(groups)) if from_left else range(len(groups) - 2, 0, -1):
        groups[i] = groups[i] or (below[i] and groups[i - 1 if from_left else i + 1])
    names = [cell for cell in below if cell]
    shared = any(one and one == other for one, other in pairwise(groups[1:]))
    full = sum(map(bool, map(any, zip_longest(above, below)))) >= len(below) - 1
    apart = len(names) > 1 and not any(map(all, zip_longest(above, below)))
    worded = not any(_NUMBER.fullmatch(cell) for cell in names) and names != [cell for cell in above if cell]
    if not (worded and ((shared and full) or apart) and any(map(_NUMBER.fullmatch, body[0]))):
        return table
    both = [
        dict.fromkeys(filter(None, (group or own, name)))
        for group, own, name in zip_longest(groups, above, below, fillvalue="")
    ]
    return [[", ".join(pair) for pair in both], *body]


def has_header(table: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns: it is full, has no numbers but years, and is unlike what follows."""
    names, *body = table
    filled = [name for name in names if name]
    if len(filled) < 2 or len(filled) < len(names) - 1 or len(set(filled)) < len(filled):
        return False
    figures = [i for i, name in enumerate(names) if _NUMBER.fullmatch(name)]
    if not body or any(name.endswith(":") for name in filled) or (figures and not _are_years(names, body, figures)):
        return False
    if len(names) > 2:
        return True
    # Two columns may as well be names and values: then the first row is one of them.
    numbers = [sum(any(map(str.isdigit, row[i])) for row in body if i < len(row)) for i in range(len(names))]
    plain = [not any(map(str.isdigit, name)) for name in names]
    return any(with_digits * 2 > len(body) and bare for with_digits, bare in zip(numbers, plain, strict=True))


def _are_years(names: Sequence[str], body: Sequence[Sequence[str]], columns: Sequence[int]) -> bool:
    """Whether the figures among names are years over columns that hold something else."""
    cells = [row[i] for row in body for i in columns if i < len(row) and row[i]]
    named = len(columns) > 1 and all(_YEAR.fullmatch(names[i]) for i in columns)
    return named and 2 * sum(bool(_YEAR.fullmatch(cell)) for cell in cells) < len(cells)


def _named(names: Sequence[str], row: Sequence[str]) -> str:
    cells = [(names[i] if i < len(names) else "", cell) for i, cell in enumerate(row) if cell]
    if len({cell for _, cell in cells}) == 1 and row[0]:  # a remark, or a heading between rows
        return _ended(row[0])
    return _ended("; ".join(f"{name}: {cell}" if name else cell for name, cell in cells))


def _unnamed(row: Sequence[str]) -> str:
    cells = [cell for cell in row if cell]
    # A cell that spans columns stands in each of them.
    first, *rest = (cell for i, cell in enumerate(cells) if not i or cell != cells[i - 1] or _NUMBER.fullmatch(cell))
    line = first
    for number, cell in enumerate(rest):
        line += (" " if line.endswith(":") else "; " if number else ": ") + cell  # names and values may alternate
    return _ended(line)


def _ended(line: str) -> str:
    return line if not line or line[-1] in ".!?。:" else f"{line}."


def behind(text: str, notes: Mapping[str, str]) -> list[str]:
    """The footnotes that a paragraph refers to, in its order.

    Args:
        notes: Mark as it stands in the paragraph ("[1]", "²") to the note's text.
    """
    return [f"{mark} {note}" for mark, note in notes.items() if mark in text]
