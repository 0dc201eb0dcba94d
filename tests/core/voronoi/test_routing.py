import numpy as np
import pytest

from core.errors import TesseraError
from core.voronoi.partition import Partition, PartitionConfig
from core.voronoi.routing import default_nprobe, route, route_between, routing_recall


def partition_of(centroids, assignment=None, tokens=None):
    centroids = np.asarray(centroids, dtype=np.float32)
    k = len(centroids)
    return Partition(
        centroids=centroids / np.linalg.norm(centroids, axis=1, keepdims=True),
        assignment=np.arange(k) if assignment is None else np.asarray(assignment),
        tokens=np.full(k, 10) if tokens is None else np.asarray(tokens),
        silhouette=0.0,
        scores={},
        config=PartitionConfig(),
    )


def at(degrees):
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], dtype=np.float32)


def test_nearest_cells_come_first():
    found = route(partition_of([at(0), at(40), at(180)]), at(15), nprobe=2)
    assert found.cells == (0, 1)
    assert found.similarities == pytest.approx((np.cos(np.radians(15)), np.cos(np.radians(25))), abs=1e-6)


def test_nprobe_above_k_opens_all():
    assert len(route(partition_of(np.eye(3)), np.eye(3, dtype=np.float32)[1], nprobe=9).cells) == 3


@pytest.mark.parametrize("angle", [0, 10, 29, 30, 31, 55])
def test_the_margin_is_the_distance_to_the_bisector(angle):
    # Between centroids at 0 and 60 degrees the border is the line at 30 degrees.
    found = route(partition_of([at(0), at(60)]), at(angle))
    assert found.margin == pytest.approx(np.sin(np.radians(abs(30 - angle))), abs=1e-5)
    assert {found.rival, *found.cells} == {0, 1}


def test_no_shorter_step_crosses_the_border():
    random = np.random.default_rng(0)
    cells = partition_of(random.standard_normal((12, 6)))
    for query in random.standard_normal((40, 6)):
        query = (query / np.linalg.norm(query)).astype(np.float32)
        found = route(cells, query)
        best = found.cells[0]
        steps = random.standard_normal((400, 6))
        steps *= 0.999 * found.margin / np.linalg.norm(steps, axis=1, keepdims=True)
        assert ((cells.centroids @ (query + steps).T).argmax(axis=0) == best).all()
        # and the margin is tight: straight through the nearest bisector, one gets out
        apart = cells.centroids[best] - np.delete(cells.centroids, best, axis=0)
        apart /= np.linalg.norm(apart, axis=1, keepdims=True)
        out = query - (1.001 * found.margin + 1e-6) * apart
        assert ((cells.centroids @ out.T).argmax(axis=0) != best).any()


def test_one_cell_has_no_border():
    found = route(partition_of([at(0)]), at(70))
    assert (found.cells, found.margin) == ((0,), 1.0)


def test_two_equal_centroids_leave_no_margin():
    assert route(partition_of([at(10), at(10)]), at(0)).margin == pytest.approx(0, abs=1e-6)


def test_recall_grows_with_nprobe_and_says_what_it_costs():
    cells = partition_of([at(0), at(90), at(180)], assignment=[0, 0, 1, 2], tokens=[20, 10, 30])
    queries = np.stack([at(5), at(40), at(170)])
    gold = [[0], [2], [3]]  # the second question lies in cell 0, its passage in cell 1
    one, two, many = routing_recall(cells, queries, gold, [1, 2, 9])
    assert one.recall == pytest.approx(2 / 3)
    assert two.recall == many.recall == 1.0
    assert one.tokens == pytest.approx((20 + 20 + 30) / 3)
    assert many.tokens == pytest.approx(60)


def test_recall_counts_every_hop_and_skips_questions_without_gold():
    cells = partition_of([at(0), at(90)], assignment=[0, 1])
    queries = np.stack([at(0), at(0)])
    (point,) = routing_recall(cells, queries, [[0, 1], []], [1])
    assert point.recall == 0.5


def test_wrong_dimensions_and_nprobe_are_refused():
    cells = partition_of(np.eye(3))
    with pytest.raises(TesseraError, match="5 dimensions"):
        route(cells, np.zeros(5, dtype=np.float32))
    with pytest.raises(TesseraError, match="nprobe"):
        route(cells, np.eye(3, dtype=np.float32)[0], nprobe=0)
    with pytest.raises(TesseraError, match="gold"):
        routing_recall(cells, np.eye(3, dtype=np.float32), [[], [], []], [1])


def test_one_cell_in_twenty_is_looked_into_and_of_few_cells_more():
    assert [default_nprobe(cells) for cells in (1, 12, 60, 400, 996, 20_000)] == [1, 12, 20, 20, 49, 1000]


def test_every_step_between_two_vectors_is_routed_as_its_own_vector_is():
    random = np.random.default_rng(3)
    cells = partition_of(random.standard_normal((9, 5)))
    start, *ends = (row / np.linalg.norm(row) for row in random.standard_normal((5, 5)).astype(np.float32))
    found, margins = route_between(cells, start, np.stack(ends), steps=8)
    assert found.shape == margins.shape == (4, 9)
    for way, end in enumerate(ends):
        for step in range(9):
            point = (1 - step / 8) * start + step / 8 * end
            there = route(cells, (point / np.linalg.norm(point)).astype(np.float32))
            assert found[way, step] == there.cells[0]
            assert margins[way, step] == pytest.approx(there.margin, abs=1e-5)


def test_a_way_crosses_the_border_where_it_lies_with_no_margin_left():
    cells, margins = route_between(partition_of([at(0), at(60)]), at(10), at(50)[None], steps=4)
    # Halfway on the chord from 10 to 50 degrees is 30 degrees: the border itself.
    assert cells[0, :2].tolist() == [0, 0] and cells[0, 3:].tolist() == [1, 1]
    assert margins[0, 2] == pytest.approx(0, abs=1e-6)
    assert margins[0, [0, 4]] == pytest.approx(np.sin(np.radians(20)), abs=1e-5)


def test_ways_of_other_dimensions_are_refused():
    with pytest.raises(TesseraError, match="2 dimensions"):
        route_between(partition_of(np.eye(3)), at(0), at(10)[None], steps=4)
