"""The pieces of a page in reading order: columns one after another, lines to paragraphs, items, headings, footnotes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median_high
from typing import Literal

import regex

from core.corpus.readers.pdf_page import HYPHEN, Piece, join, rows
from core.corpus.readers.pdf_tables import Table

Item = Piece | Table
Kind = Literal["paragraph", "item", "heading", "table", "note"]
_ITEM = regex.compile(r"(?:[•●▪■◦‣∙·*–—-]|\(?\d{1,2}[.)]|\(?[a-z][.)]|\([ivx]+\))\s+\S")
_NOTE = regex.compile(r"(?<mark>[⁰¹²³⁴-⁹]{1,3}|[*†‡]{1,2})\s*(?=\S)")
_NUMBERED = regex.compile(r"(?<number>\d{1,2}(?:\.\d{1,2})*)\.?\s+\p{L}")
_FORMULA = regex.compile(r"[=∈∉⊂⊆∀∃≤≥∑∏∫√→⇒⇔∘◦]")
"""What is in large type for its brackets is no heading."""
_HYPHEN = regex.compile(r"\p{L}-\Z")
_LOWER = regex.compile(r"\p{Ll}-\Z")
_MARGIN = 0.15
_PAGE_NUMBER = regex.compile(
    r"[-–—\s]*(?:(?:page|p\.|seite|쪽|페이지)\s*)?#(?:\s*(?:of|/|von|쪽|페이지)\s*#?)?[-–—\s]*", regex.IGNORECASE
)
_CONTENTS = regex.compile(r"(?:[.·…_][ ]?){5,}\s*(?:\d+|[ivxl]+)\Z|…{2,}.{0,20}\d\Z")
_DIGITS = regex.compile(r"\d+")


@dataclass(frozen=True)
class Block:
    """A stretch of text of one kind.

    Attributes:
        lines: Its lines as they stand; empty for a table.
        table: The table it is, or None.
    """

    kind: Kind
    lines: tuple[Piece, ...] = ()
    table: Table | None = None


def without_running(pages: Sequence[Sequence[Piece]], heights: Sequence[float]) -> list[list[Piece]]:
    """Pages without what is there to find one's way.

    That is lines of a table of contents, with dots up to the number of a page, and lines at the upper and lower end
    that come back page after page, numbers aside.
    """
    pages = [_without_contents(pieces) for pieces in pages]
    seen: Counter[tuple[str, int]] = Counter()
    edges: list[list[tuple[tuple[str, int], list[Piece]]]] = []
    for pieces, height in zip(pages, heights, strict=True):
        keyed = [(_key(line), line) for line in _edge_lines(pieces, height)]
        edges.append(keyed)
        seen.update({key for key, _ in keyed})
    enough = 2 if len(pages) == 2 else max(3, round(0.4 * len(pages)))
    bodies: list[list[Piece]] = []
    for pieces, keyed in zip(pages, edges, strict=True):
        dropped = {id(piece) for key, line in keyed if _runs(key, seen, enough) for piece in line}
        bodies.append([piece for piece in pieces if id(piece) not in dropped])
    return bodies


def _without_contents(pieces: Sequence[Piece]) -> list[Piece]:
    lines = rows(pieces)
    return [piece for line in lines if not _CONTENTS.search(" ".join(part.text for part in line)) for piece in line]


def _runs(key: tuple[str, int], seen: Counter[tuple[str, int]], enough: int) -> bool:
    near = sum(seen[key[0], key[1] + shift] for shift in (-1, 0, 1))
    return near >= enough or _PAGE_NUMBER.fullmatch(key[0]) is not None


def _edge_lines(pieces: Sequence[Piece], height: float) -> Iterator[list[Piece]]:
    lines = rows(pieces)
    top = [line for line in lines[:3] if line[0].y > (1 - _MARGIN) * height]
    bottom = [line for line in lines[-3:] if line[0].y < _MARGIN * height]
    yield from top
    yield from (line for line in bottom if line not in top)


def _key(line: Sequence[Piece]) -> tuple[str, int]:
    return _DIGITS.sub("#", " ".join(piece.text for piece in line)), round(line[0].y / 6)


def in_order(items: Sequence[Item]) -> list[list[Item]]:
    """Lines in reading order: of two columns the left one first, between what stands across both."""
    gutter = _gutter(items)
    if gutter is None:
        return [list(line) for line in _lines(items)]
    ordered: list[list[Item]] = []
    left: list[Item] = []
    right: list[Item] = []

    def close() -> None:
        if len(left) > 1 and len(right) > 1:
            ordered.extend([*in_order(left), *in_order(right)])
        else:
            ordered.extend(_lines([*left, *right]))
        left.clear()
        right.clear()

    for item in sorted(items, key=lambda item: (-item.y, item.x0)):
        if item.x0 < gutter < item.x1:
            close()
            ordered.append([item])
        else:
            (left if item.x1 <= gutter else right).append(item)
    close()
    return ordered


def _gutter(items: Sequence[Item]) -> float | None:
    """Where a page is parted in two columns; None where it is not."""
    if len(items) < 6:
        return None
    x0, x1 = min(item.x0 for item in items), max(item.x1 for item in items)
    inner = [item.x0 - 1 for item in items if x0 + 0.15 * (x1 - x0) < item.x0 < x0 + 0.85 * (x1 - x0)]
    best: tuple[int, float] | None = None
    for x in {round(value, 1) for value in inner}:
        crossing = sum(item.x0 < x < item.x1 for item in items)
        left = [item.y for item in items if item.x1 <= x]
        right = [item.y for item in items if item.x0 >= x]
        beside = bool(left and right) and min(max(left), max(right)) > max(min(left), min(right))
        parted = len(left) >= 3 and len(right) >= 3 and beside and crossing <= 0.5 * len(items)
        if parted and (best is None or crossing < best[0]):
            best = crossing, x
    return best[1] if best else None


def _lines(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Lines of one column from the top; a table is a line of its own."""
    tables = [item for item in items if isinstance(item, Table)]
    lines: list[list[Item]] = [[table] for table in tables]
    for line in rows(item for item in items if isinstance(item, Piece)):
        whole = line[0]
        for piece in line[1:]:
            whole = join(whole, piece)
        lines.append([whole])
    yield from sorted(lines, key=lambda line: -line[0].y)


def blocks(lines: Sequence[Sequence[Item]], body: float, height: float) -> list[Block]:
    """Paragraphs, items, headings, tables and footnotes of a page.

    Args:
        body: Height of the letters of most of the document.
    """
    result: list[Block] = []
    spacing = _spacing([line[0] for line in lines if isinstance(line[0], Piece)])
    for (item,) in lines:
        if isinstance(item, Table):
            result.append(Block("table", table=item))
            continue
        kind = _kind(item, body, height)
        before = result[-1] if result and result[-1].lines else None
        if before and _same_block(before, item, kind, spacing):
            result[-1] = replace(before, lines=(*before.lines, item))
        else:
            result.append(Block(kind, (item,)))
    return result


def _kind(line: Piece, body: float, height: float) -> Kind:
    if line.size < 0.93 * body and line.y < 0.4 * height and _NOTE.match(line.text):
        return "note"
    words = line.text.split()
    short = len(line.text) < 120 and any(map(str.isalpha, line.text)) and not _FORMULA.search(line.text)
    if short and line.size > 1.12 * body:
        return "heading"
    least = 0.85 if _NUMBERED.match(line.text) else 0.95  # of boxes that each font draws in its own height
    if short and line.bold and line.size > least * body and (line.text[-1] not in ".,;:" or len(words) < 3):
        return "heading"
    return "item" if _ITEM.match(line.text) else "paragraph"


def _same_block(before: Block, line: Piece, kind: Kind, spacing: float) -> bool:
    last, first = before.lines[-1], before.lines[0]
    gap = last.y - line.y
    if kind == "heading" or before.kind == "heading":
        same = abs(last.size - line.size) < 0.05 * line.size and 0 < gap < 1.6 * line.size
        return kind == before.kind and same and not _NUMBERED.match(line.text)
    if kind in ("item", "note"):
        return False
    if before.kind == "note":
        return abs(last.size - line.size) < 0.1 * line.size and 0 < gap < 1.6 * line.size
    if abs(last.size - line.size) > 0.12 * line.size:
        return False
    if not 0 < gap < 1.3 * max(spacing, line.size):
        return False
    if before.kind == "item":
        return line.x0 > first.x0 + 0.3 * line.size or gap < 1.1 * spacing
    ended = last.text[-1] in ".!?:”\"'。" and last.x1 < max(piece.x1 for piece in before.lines) - 2 * line.size
    indented = len(before.lines) > 1 and line.x0 - before.lines[-1].x0 > 0.8 * line.size and last.text[-1] in ".!?:"
    return not (ended or indented)


def _spacing(lines: Sequence[Piece]) -> float:
    gaps = Counter(
        round(upper.y - lower.y, 1)
        for upper, lower in pairwise(lines)
        if 0.7 * lower.size < upper.y - lower.y < 2.2 * lower.size
    )
    return gaps.most_common(1)[0][0] if gaps else 0.0


def in_lines(lines: Sequence[Piece]) -> bool:
    """Whether lines end where the writer wants it, as in verses and code: most are short, or have room for a word more.

    A program that fills lines puts as many words into each as it has room for.
    """
    if len(lines) < 3:
        return False
    room = max(line.x1 for line in lines)
    lengths = [line.x1 - line.x0 for line in lines[:-1]]
    if median_high(lengths) < 0.7 * max(lengths):
        return True
    breaks = 0
    for line, after in pairwise(lines):
        first = after.text.partition(" ")[0]
        width = (after.x1 - after.x0) * len(first) / max(1, len(after.text))
        breaks += line.x1 + width + after.size < room and not _HYPHEN.search(line.text)
    return breaks > (len(lines) - 1) / 2


def flowing(lines: Sequence[str], hyphenated: frozenset[str], kept: bool = False) -> tuple[str, list[int]]:
    """Lines as one text, hyphenated words joined, and where each line begins in it.

    Args:
        lines: As they stand.
        hyphenated: Words that have their hyphen within a line, too: they keep it.
        kept: They stay lines.
    """
    text = ""
    starts: list[int] = []
    for line in lines:
        if not text:
            pass
        elif kept:
            text += "\n"
        elif text.endswith(HYPHEN) or (_LOWER.search(text) and line[:1].islower()):
            start, rest = text[:-1].rpartition(" ")[2], line.partition(" ")[0]
            whole = f"{start}-{rest}".strip(".,;:()").casefold()
            text = text[:-1] + ("-" if whole in hyphenated or not line[:1].islower() else "")
        elif not (_HYPHEN.search(text) and line[:1].isupper()):
            text += " "
        starts.append(len(text))
        text += line
    return text.replace(HYPHEN, "-"), starts


def heading_level(text: str, size: float, sizes: Sequence[float]) -> int:
    """Its depth: by its number where it has one, else by its size among those of all headings, largest first."""
    if numbered := _NUMBERED.match(text):
        return 2 + numbered["number"].count(".")
    return 1 + next((i for i, other in enumerate(sizes) if size > 0.97 * other), len(sizes))


def note_of(text: str) -> tuple[str, str]:
    """Mark and text of a footnote."""
    match = _NOTE.match(text)
    return (match["mark"], text[match.end() :]) if match else ("", text)
