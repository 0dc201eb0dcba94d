"""Tiles of a mosaic: which colour each cell gets, and how it is outlined.

The seven colours stay apart for normal, protanope, deuteranope and tritanope eyes (CIE76 difference of at least 26
under the simulation of Machado et al. 2009). Where seven are too few they come again, lighter and then darker.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from core.voronoi.projection import Points

TILES = ("#485cba", "#eba920", "#37ab80", "#905384", "#95a6dd", "#bc2d1d", "#c5b766")
SHADES = (
    "#8d9ad8", "#f4cf7f", "#86cfb3", "#bf97b6", "#c3cdee", "#de8a80", "#e0d9ad",
    "#2b376f", "#8d6513", "#21664c", "#56314f", "#5a6485", "#701b11", "#766d3d",
)  # fmt: skip
"""The same, lighter and darker."""


def tile_colours(cells: int, neighbours: Iterable[tuple[int, int]]) -> list[str]:
    """A colour for each cell, so that cells that touch differ.

    Greedy in the order of Matula and Beck (1983), smallest degree last: a map in the plane of cells that are one piece
    each needs six colours at most in this order. Cells that fall apart in the plane may need more: then shades come in.
    Of those allowed the least used is taken, so that none dominates.

    Args:
        neighbours: Pairs of cells that share a border.
    """
    beside: list[set[int]] = [set() for _ in range(cells)]
    for a, b in neighbours:
        beside[a].add(b)
        beside[b].add(a)
    left = {cell: len(beside[cell]) for cell in range(cells)}
    removed: list[int] = []
    while left:
        cell = min(left, key=lambda c: (left[c], c))
        del left[cell]
        removed.append(cell)
        for other in beside[cell] & left.keys():
            left[other] -= 1
    chosen: dict[int, str] = {}
    used: Counter[str] = Counter()
    for cell in reversed(removed):
        taken = {chosen[other] for other in beside[cell] if other in chosen}
        free = [colour for colour in TILES if colour not in taken] or [c for c in SHADES if c not in taken] or [*TILES]
        chosen[cell] = min(free, key=lambda colour: used[colour])
        used[chosen[cell]] += 1
    return [chosen[cell] for cell in range(cells)]


def outline(polygons: Sequence[Points]) -> tuple[list[float | None], list[float | None]]:
    """X and y of closed polygons as one broken line, for one trace with ``fill="toself"``.

    Args:
        polygons: Corners [m, 2] of each, in order.
    """
    x: list[float | None] = []
    y: list[float | None] = []
    for polygon in polygons:
        around = np.concatenate([polygon, polygon[:1]])
        x.extend([*around[:, 0].tolist(), None])
        y.extend([*around[:, 1].tolist(), None])
    return x, y


def translucent(colour: str, alpha: float) -> str:
    """A hex colour with an opacity of 0 to 1."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {alpha})"
