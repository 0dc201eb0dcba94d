import numpy as np
import pytest

from core.voronoi.mosaic import BOX, mosaic


def area(polygon):
    x, y = polygon.T
    return 0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))


def segments(found):
    assert found.x[2::3] == found.y[2::3] == [None] * (len(found.x) // 3)
    ends = zip(found.x[::3], found.y[::3], found.x[1::3], found.y[1::3], strict=True)
    return [((a, b), (c, d)) for a, b, c, d in ends]


def inside(point, polygon):
    edges = np.roll(polygon, -1, axis=0) - polygon
    to = point - polygon
    cross = edges[:, 0] * to[:, 1] - edges[:, 1] * to[:, 0]
    return (cross >= -1e-9).all() or (cross <= 1e-9).all()


CENTRES = {
    "one": [[0.2, 0.1]],
    "two": [[-0.5, 0], [0.5, 0]],
    "in a row": [[-0.6, -0.6], [0, 0], [0.6, 0.6]],
    "many": np.random.default_rng(1).uniform(-1, 1, (60, 2)) * [1.6, 1],
    "coinciding": [[0, 0], [0, 0], [0, 0], [0.5, 0.5]],
    "at the edge": [[1.6, 1], [-1.6, 1], [1.6, -1], [-1.6, -1]],
}


@pytest.mark.parametrize("name", CENTRES)
def test_the_polygons_tile_the_box(name):
    centres = np.asarray(CENTRES[name])
    found = mosaic(centres)
    assert len(found.polygons) == len(centres)
    assert sum(area(polygon) for polygon in found.polygons) == pytest.approx(4 * BOX[0] * BOX[1], rel=1e-4)
    for polygon in found.polygons:
        assert (np.abs(polygon) <= np.array(BOX) + 1e-6).all()


def test_every_point_lies_in_the_polygon_of_its_nearest_centre():
    centres = CENTRES["many"]
    found = mosaic(centres)
    for point in np.random.default_rng(2).uniform(-1, 1, (300, 2)) * [1.6, 1]:
        nearest = int(np.linalg.norm(centres - point, axis=1).argmin())
        assert inside(point, found.polygons[nearest])


def test_borders_are_equally_far_from_two_centres_and_within_the_box():
    centres = CENTRES["many"]
    lines = segments(mosaic(centres))
    assert len(lines) > 60
    for start, end in lines:
        assert (np.abs([start, end]) <= np.array(BOX) + 1e-6).all()
        middle = (np.array(start) + end) / 2
        distance = np.sort(np.linalg.norm(centres - middle, axis=1))
        assert distance[0] == pytest.approx(distance[1], abs=1e-6)


def test_two_cells_have_one_border_down_the_middle():
    ((start, end),) = segments(mosaic(np.asarray(CENTRES["two"])))
    assert [start[0], end[0]] == pytest.approx([0.0, 0.0], abs=1e-9)
    assert sorted([start[1], end[1]]) == pytest.approx([-BOX[1], BOX[1]])


def test_neighbours_share_a_border():
    found = mosaic(np.asarray(CENTRES["in a row"]))
    assert sorted(found.neighbours) == [(0, 1), (1, 2)]
    assert len(mosaic(CENTRES["many"]).neighbours) == len(segments(mosaic(CENTRES["many"])))


def test_one_cell_has_no_border():
    found = mosaic(np.asarray(CENTRES["one"]))
    assert found.x == []
    assert area(found.polygons[0]) == pytest.approx(4 * BOX[0] * BOX[1])
