"""Tiles of a mosaic: which colour each gets, how it is outlined, and where a name has room on it.

The seven colours stay apart for normal, protanope, deuteranope and tritanope eyes (CIE76 difference of at least 26
under the simulation of Machado et al. 2009).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.voronoi.projection import Points

TILES = ("#485cba", "#eba920", "#37ab80", "#905384", "#95a6dd", "#bc2d1d", "#c5b766")


def tile_colours(cells: int, neighbours: Sequence[tuple[int, int]]) -> list[str]:
    """A colour for each cell, so that cells that touch differ.

    Greedy in the order of Matula and Beck (1983), smallest degree last: a map in the plane needs six colours at most
    in this order, and there are seven. Of those allowed the least used is taken, so that none dominates.

    Args:
        cells: Number of cells.
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
    chosen: dict[int, int] = {}
    used = [0] * len(TILES)
    for cell in reversed(removed):
        taken = {chosen[other] for other in beside[cell] if other in chosen}
        chosen[cell] = min((tile for tile in range(len(TILES)) if tile not in taken), key=lambda tile: used[tile])
        used[chosen[cell]] += 1
    return [TILES[chosen[cell]] for cell in range(cells)]


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


def widest_chord(polygon: Points) -> tuple[float, float, float]:
    """Where a name has most room in a tile: middle x, y and width of its widest horizontal chord."""
    low, high = float(polygon[:, 1].min()), float(polygon[:, 1].max())
    start, end = polygon, np.roll(polygon, -1, axis=0)
    best = (float(polygon[:, 0].mean()), (low + high) / 2, 0.0)
    for height in np.linspace(0.75, 0.25, 5):
        y = low + float(height) * (high - low)
        crossed = (start[:, 1] > y) != (end[:, 1] > y)
        if crossed.sum() == 2:
            a, b = start[crossed], end[crossed]
            left, right = sorted((a[:, 0] + (y - a[:, 1]) / (b[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0])).tolist())
            if right - left > best[2] * 1.02:
                best = ((left + right) / 2, y, right - left)
    return best
