"""A mosaic in the plane: the part of it that is nearest to each passage, and the borders between these tiles.

To clip it to a box without any geometry of our own, each site is mirrored at the four sides of the box, so that the
sides become borders of the diagram.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import Voronoi

from core.voronoi.projection import FRAME, Points

BOX = (FRAME[0] + 0.1, FRAME[1] + 0.1)
"""Half the width and half the height of the box: the frame of the points plus a margin."""
_NUDGE = 1e-4


@dataclass(frozen=True)
class Mosaic:
    """The Voronoi diagram in the plane.

    Attributes:
        x: x of the borders between cells, as one line with gaps: start, end, None, start, end, None, ...
        polygons: Corners [m, 2] of each cell, in order around it and clipped to the box.
        neighbours: Pairs of cells that share a border.
    """

    x: list[float | None]
    y: list[float | None]
    polygons: list[Points]
    neighbours: list[tuple[int, int]]


def mosaic(centres: Points, box: tuple[float, float] = BOX) -> Mosaic:
    """Divides the box from ``-box`` to ``box`` into the Voronoi cells of the centres.

    Args:
        centres: [k, 2] within the box.
        box: Half its width and half its height.
    """
    inside = 0.999 * np.array(box)
    sites = _apart(np.clip(np.asarray(centres, dtype=np.float64), -inside, inside))
    mirrored = [sites]
    for axis in (0, 1):
        for side in (-box[axis], box[axis]):
            image = sites.copy()
            image[:, axis] = 2 * side - image[:, axis]
            mirrored.append(image)
    diagram = Voronoi(np.concatenate(mirrored))
    x: list[float | None] = []
    y: list[float | None] = []
    neighbours: list[tuple[int, int]] = []
    for pair, ends in zip(diagram.ridge_points, diagram.ridge_vertices, strict=True):
        if (pair < len(sites)).all():
            neighbours.append((int(pair.min()), int(pair.max())))
            for column, line in ((0, x), (1, y)):
                line.extend([*diagram.vertices[ends, column].tolist(), None])
    polygons = [_around(diagram.vertices[diagram.regions[diagram.point_region[i]]]) for i in range(len(sites))]
    return Mosaic(x, y, polygons, neighbours)


def _apart(sites: Points) -> Points:
    """Nudges centres that coincide, since equal sites have no border."""
    _, inverse = np.unique(sites.round(6), axis=0, return_inverse=True)
    copies = np.zeros(len(sites))
    seen: dict[int, int] = {}
    for row, group in enumerate(inverse.ravel().tolist()):
        copies[row] = seen.get(group, 0)
        seen[group] = seen.get(group, 0) + 1
    moved: Points = sites + np.stack([copies * _NUDGE, copies * _NUDGE / 3], axis=1)
    return moved


def _around(corners: Points) -> Points:
    offset = corners - corners.mean(axis=0)
    ordered: Points = corners[np.argsort(np.arctan2(offset[:, 1], offset[:, 0]))]
    return ordered
