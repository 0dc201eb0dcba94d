import itertools

import numpy as np
import pytest

from app.figures.tiles import TILES, outline, tile_colours, translucent
from core.voronoi.mosaic import mosaic

# Machado, Oliveira and Fernandes (2009), severity 1.0, in linear RGB
EYES = {
    "normal": np.eye(3),
    "protanope": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranope": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanope": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def lab(colour, eye):
    srgb = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(eye) @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ seen
    f = np.cbrt(np.maximum(xyz / [0.9505, 1, 1.089], 1e-6))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("eye", EYES)
def test_colours_stay_apart(eye):
    for a, b in itertools.combinations(TILES, 2):
        assert np.linalg.norm(lab(a, EYES[eye]) - lab(b, EYES[eye])) > 26, (a, b)


@pytest.mark.parametrize("cells", [1, 2, 3, 8, 60, 600])
def test_tiles_that_touch_never_share_a_colour(cells):
    random = np.random.default_rng(cells)
    found = mosaic(random.uniform(-1, 1, (cells, 2)) * [1.6, 1])
    colours = tile_colours(cells, found.neighbours)
    assert len(colours) == cells
    assert all(colours[a] != colours[b] for a, b in found.neighbours)
    if cells >= 60:
        assert max(colours.count(tile) for tile in TILES) < 2.5 * cells / len(TILES)


def test_an_outline_closes_and_breaks():
    triangle = np.array([[0, 0], [1, 0], [0, 1]])
    x, y = outline([triangle, triangle + 5])
    assert x == [0, 1, 0, 0, None, 5, 6, 5, 5, None]
    assert y == [0, 0, 1, 0, None, 5, 5, 6, 5, None]


def test_where_seven_colours_are_too_few_shades_come_in():
    everyone = list(itertools.combinations(range(15), 2))
    assert len(set(tile_colours(15, everyone))) == 15


def test_translucent():
    assert translucent("#485cba", 0.5) == "rgba(72, 92, 186, 0.5)"
