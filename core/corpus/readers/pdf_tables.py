"""Tables on a page: where ruled lines cross, between ruled lines, or where short pieces are aligned in columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from math import inf
from statistics import mean

from core.corpus.readers.pdf_page import PIECE_GAP, Piece, Rules, join, rows

_NEAR = 3.0
_SHORT_CELL = 18
_PROSE_SPACES = 3.2
_MOST_COLUMNS = 40
_PROSE_WORDS, _PROSE_LINES = 4, 6
"""Spaces in a line of text, and lines of it that make a column."""


Place = tuple[float, float, float, float]
Gap = tuple[float, float]


@dataclass(frozen=True)
class Table:
    """A table and where it stands.

    Attributes:
        cells: Rows of texts.
        header: Whether the first row names the columns; None where its look does not tell.
        rows: Where each row is printed: left, bottom, right, top.
    """

    cells: tuple[tuple[str, ...], ...]
    header: bool | None
    x0: float
    x1: float
    top: float
    bottom: float
    size: float
    rows: tuple[Place, ...]

    @property
    def y(self) -> float:
        """Where it stands in the order of the lines."""
        return self.top


def find_tables(words: Sequence[Piece], pieces: Sequence[Piece], drawn: Rules) -> list[Table]:
    """The tables of a page; what is in one of them is in no other."""
    tables: list[Table] = []
    for xs, ys, standing in _grids(drawn):
        x0, x1, bottom, top = xs[0], xs[-1], ys[0], ys[-1]
        inside = [word for word in words if x0 <= (word.x0 + word.x1) / 2 <= x1 and bottom <= _middle(word) <= top]
        table = _of_grid(inside, xs, ys, standing)
        if table:
            tables.append(table)
    rest = [piece for piece in pieces if not any(within(piece, table) for table in tables)]
    return [*tables, *_aligned(rest)]


def within(piece: Piece, table: Table) -> bool:
    """Whether a piece stands in a table."""
    return (
        table.x0 - _NEAR <= (piece.x0 + piece.x1) / 2 <= table.x1 + _NEAR
        and table.bottom - _NEAR <= _middle(piece) <= table.top + _NEAR
    )


def _middle(piece: Piece) -> float:
    return piece.y + 0.25 * piece.size


_Standing = list[tuple[float, float, float]]
_Grid = tuple[list[float], list[float], _Standing]


def _grids(drawn: Rules) -> Iterator[_Grid]:
    """Groups of ruled lines that touch: at least two that stand and three that lie, or the other way round.

    Where lines stand, where they lie, and from where to where each of the former reaches. A table without a line at its
    sides ends where its lying lines do.
    """
    boxes = [(x, x, y0, y1, True) for x, y0, y1 in drawn.standing]
    boxes += [(x0, x1, y, y, False) for y, x0, x1 in drawn.lying]
    groups: list[list[tuple[float, float, float, float, bool]]] = []
    for box in boxes[:2_000]:
        touching = [group for group in groups if any(_touch(box, other) for other in group)]
        groups = [group for group in groups if group not in touching]
        groups.append([box, *(other for group in touching for other in group)])
    for group in groups:
        xs = _distinct([box[0] for box in group if box[4]])
        ys = _distinct([box[2] for box in group if not box[4]])
        if len(xs) >= 2 and len(ys) >= 2 and len(xs) + len(ys) >= 6 and len(xs) <= _MOST_COLUMNS:
            ends = [end for box in group if not box[4] for end in box[:2]]
            yield _distinct([*xs, min(ends), max(ends)]), ys, [(box[0], box[2], box[3]) for box in group if box[4]]


def _touch(one: tuple[float, float, float, float, bool], other: tuple[float, float, float, float, bool]) -> bool:
    return (
        one[0] <= other[1] + _NEAR
        and other[0] <= one[1] + _NEAR
        and one[2] <= other[3] + _NEAR
        and other[2] <= one[3] + _NEAR
    )


def _distinct(values: Sequence[float]) -> list[float]:
    distinct: list[float] = []
    for value in sorted(values):
        if not distinct or value - distinct[-1] > _NEAR:
            distinct.append(value)
    return distinct


def _of_grid(words: Sequence[Piece], xs: Sequence[float], ys: Sequence[float], standing: _Standing) -> Table | None:
    columns = len(xs) - 1
    if columns < 2 or not words:
        return None
    grid: dict[int, list[list[Piece]]] = {}
    for line in rows(words):
        for column, word in _columns(line, xs, standing):
            row = sum(_middle(word) < y for y in ys)
            grid.setdefault(row, [[] for _ in range(columns)])[column].append(word)
    lines = [line for row in sorted(grid) for line in _split(grid[row])]
    cells = tuple(tuple(_text(cell) for cell in line) for line in lines)
    filled = [cell for line in cells for cell in line if cell]
    if len(cells) < 2 or len(filled) < 3:
        return None
    bold = [all(word.bold for cell in line for word in cell) for line in lines if sum(map(bool, line)) > 1]
    header = True if bold and bold[0] and not all(bold) else None
    size = max(word.size for word in words)
    places = tuple(_place([word for cell in line for word in cell]) for line in lines)
    return Table(cells, header, xs[0], xs[-1], ys[-1], ys[0], size, places)


def _columns(line: Sequence[Piece], xs: Sequence[float], standing: _Standing) -> Iterator[tuple[int, Piece]]:
    """The words of a line with the number of their column: the first of those that no line parts.

    Several texts that no line parts are in columns of their own, where a wide gap lies at each border between them.
    """
    runs: dict[int, list[list[Piece]]] = {}
    for word in line:
        first = _column(word, xs)
        while first and not _parted(xs[first], _middle(word), standing):
            first -= 1
        texts = runs.setdefault(first, [])
        if texts and word.x0 - texts[-1][-1].x1 < PIECE_GAP * word.size:
            texts[-1].append(word)
        else:
            texts.append([word])
    for first, texts in runs.items():
        crossing = any(text[0].x0 + _NEAR < x < text[-1].x1 - _NEAR for text in texts for x in xs[1:-1])
        for text in texts:
            column = first if crossing or len(texts) < 2 else _column(text[0], xs)
            yield from ((column, word) for word in text)


def _column(word: Piece, xs: Sequence[float]) -> int:
    return min(max(sum((word.x0 + word.x1) / 2 > x for x in xs) - 1, 0), len(xs) - 2)


def _parted(x: float, y: float, standing: _Standing) -> bool:
    """Whether a line stands at x beside y."""
    return any(abs(at - x) <= _NEAR and bottom - _NEAR <= y <= top + _NEAR for at, bottom, top in standing)


def _place(pieces: Sequence[Piece]) -> Place:
    """Where pieces are printed together."""
    left, right = min(piece.x0 for piece in pieces), max(piece.x1 for piece in pieces)
    bottom, top = min(piece.bottom for piece in pieces), max(piece.top for piece in pieces)
    return round(left, 1), round(bottom, 1), round(right, 1), round(top, 1)


def _split(cells: list[list[Piece]]) -> list[list[list[Piece]]]:
    """A row between two ruled lines; several rows where each line of text in it fills most of the columns."""
    filled = sum(map(bool, cells))
    lines = [
        [[word for word in line if word in cells[column]] for column in range(len(cells))]
        for line in rows(word for cell in cells for word in cell)
    ]
    full = [sum(map(bool, line)) for line in lines]
    if filled > 1 and len(lines) > 1 and all(line[0] for line in lines) and mean(full) > 0.75 * filled:
        return lines
    return [cells]


def _text(words: Sequence[Piece]) -> str:
    lines = [reduce(join, line).text for line in rows(words)]
    return " ".join(lines).replace("\x02 ", "")


def _aligned(pieces: Sequence[Piece]) -> Iterator[Table]:
    """Runs of lines of two and more pieces whose gaps lie under one another; each column of a text by itself."""
    for lines in _by_column(rows(pieces), pieces):
        yield from _runs(lines)


def _by_column(lines: Sequence[list[Piece]], pieces: Sequence[Piece]) -> list[list[list[Piece]]]:
    """The lines of a page; where text stands in two columns the left and the right parts of those beside it apart.

    The columns begin where most lines of text do; what stands beside none may go across both.
    """
    prose = [piece for piece in pieces if piece.text.count(" ") >= _PROSE_WORDS]
    begins = Counter(round(piece.x0) for piece in prose)
    often = sorted(x for x, times in begins.most_common(2) if times >= _PROSE_LINES)
    if len(often) < 2 or any(often[0] <= round(piece.x0) < often[1] < piece.x1 - _NEAR for piece in prose):
        return [list(lines)]
    border = often[1] - _NEAR
    across: list[list[Piece]] = []
    parts: tuple[list[list[Piece]], list[list[Piece]]] = ([], [])
    beside = [piece.y for piece in prose if round(piece.x0) in often]
    for line in lines:
        if not any(abs(line[0].y - y) < 1.5 * line[0].size for y in beside):
            across.append(line)
            continue
        for part, is_left in zip(parts, (True, False), strict=True):
            if side := [piece for piece in line if (piece.x0 < border) is is_left]:
                part.append(side)
    return [across, *parts]


def _runs(lines: Sequence[list[Piece]]) -> Iterator[Table]:
    run: list[list[Piece]] = []
    for line in [*lines, []]:
        if line and run and run[-1][0].y - line[0].y > 3 * line[0].size:
            yield from _table_of(run)
            run = []
        if len(line) > 1:
            run.append(line)
        else:
            yield from _table_of(run)
            run = []


def _table_of(run: list[list[Piece]]) -> Iterator[Table]:
    while len(run) >= 3:
        gaps, used = _common_gaps(run)
        if len(used) < 3 or not gaps:
            run = run[1:]
            continue
        cells = [_cells(line, gaps) for line in used]
        if _is_table(cells):
            flat = [piece for line in used for piece in line]
            bold = [all(piece.bold for piece in line) for line in used]
            yield Table(
                tuple(tuple(row) for row in cells),
                True if bold[0] and not all(bold) else None,
                min(piece.x0 for piece in flat),
                max(piece.x1 for piece in flat),
                max(piece.y + 0.8 * piece.size for piece in flat),
                min(piece.y - 0.2 * piece.size for piece in flat),
                max(piece.size for piece in flat),
                tuple(_place(line) for line in used),
            )
        run = run[len(used) :]


def _common_gaps(run: Sequence[list[Piece]]) -> tuple[list[tuple[float, float]], list[list[Piece]]]:
    """The gaps that all of the first lines share, over as many lines as share any."""
    gaps: list[tuple[float, float]] = []
    for number, line in enumerate(run):
        own = [(left.x1, right.x0) for left, right in pairwise(line)]
        least = 0.3 * line[0].size
        shared = _common(gaps, own, least) if number else own
        if shared and number:  # its first or last cells may be empty
            shared = _common(gaps, [(-inf, line[0].x0), *own, (line[-1].x1, inf)], least)
        if not shared or (number and len(shared) < len(gaps) and number >= 3):
            return gaps, list(run[:number])
        gaps = shared
    return gaps, list(run)


def _common(gaps: Iterable[Gap], others: Sequence[Gap], least: float) -> list[Gap]:
    """Where gaps of both overlap."""
    overlaps = ((max(a, c), min(b, d)) for a, b in gaps for c, d in others)
    return [(left, right) for left, right in overlaps if right - left > least]


def _cells(line: Sequence[Piece], gaps: Sequence[tuple[float, float]]) -> list[str]:
    cells: list[Piece | None] = [None] * (len(gaps) + 1)
    for piece in line:
        column = sum(piece.x0 >= right - 0.5 for _, right in gaps)
        before = cells[column]
        cells[column] = join(before, piece) if before else piece
    return [cell.text if cell else "" for cell in cells]


def _is_table(lines: Sequence[Sequence[str]]) -> bool:
    """Columns of prose are full lines of many words; a table has at most one such, and one of short cells."""
    columns = [[cell for cell in column if cell] for column in zip(*lines, strict=True)]
    lengths = [mean(map(len, column)) if column else 0.0 for column in columns]
    prose = sum(mean(cell.count(" ") for cell in column) >= _PROSE_SPACES for column in columns if column)
    return min(lengths) < _SHORT_CELL and prose < 2
