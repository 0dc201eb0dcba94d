from dataclasses import replace

import numpy as np
import pytest

from core.errors import ArtefactStale, TesseraError
from core.voronoi.kmeans import nearest
from core.voronoi.partition import (
    Partition,
    PartitionConfig,
    candidate_counts,
    explain_cell_count,
    partition_passages,
)


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def noise(n, dim=12, seed=3):
    return unit(np.random.default_rng(seed).standard_normal((n, dim)))


def check(partition, vectors, tokens):
    """What holds for every partition."""
    assert partition.assignment.shape == (len(vectors),)
    np.testing.assert_allclose(np.linalg.norm(partition.centroids, axis=1), 1, atol=1e-5)
    assert partition.centroids.dtype == np.float32
    # Voronoi: each passage is where a question equal to it would be routed.
    assert (nearest(vectors, partition.centroids) == partition.assignment).all()
    members = partition.members()
    assert sorted(row for rows in members for row in rows) == list(range(len(vectors)))
    assert all(members), "an empty cell"
    assert len(members) == partition.k
    weights = [int(tokens[rows].sum()) for rows in members]
    assert weights == partition.tokens.tolist()
    assert weights == sorted(weights, reverse=True)


def oversize(partition):
    """Cells over the budget: those of one passage, or of copies of one, that cannot be split further."""
    return np.flatnonzero(partition.tokens > partition.config.budget).tolist()


def test_silhouette_finds_the_natural_cells(cut, blobs):
    vectors, truth = blobs
    found = cut(vectors, cell_tokens=1000)
    assert found.k == 6
    assert len({(a, b) for a, b in zip(truth.tolist(), found.assignment.tolist(), strict=True)}) == 6
    assert found.scores[6] == found.silhouette == max(found.scores.values())
    assert len(found.scores) > 3


def test_the_same_seed_gives_the_same_cells_and_another_may_not(cut):
    vectors = noise(200)
    first, again = cut(vectors, seed=1, cell_tokens=200), cut(vectors, seed=1, cell_tokens=200)
    np.testing.assert_array_equal(first.assignment, again.assignment)
    np.testing.assert_array_equal(first.centroids, again.centroids)
    assert not np.array_equal(first.assignment, cut(vectors, seed=2, cell_tokens=200).assignment)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("budget", [60, 150, 400])
def test_no_cell_exceeds_its_budget(cut, seed, budget):
    random = np.random.default_rng(seed)
    vectors, tokens = noise(150, seed=seed), random.integers(5, 60, 150)
    found = cut(vectors, tokens, cell_tokens=budget, seed=seed)
    check(found, vectors, tokens)
    assert found.tokens.max() <= budget
    assert oversize(found) == []
    assert found.k < 150, "a cell for every passage meets any budget"


def test_a_lopsided_corpus_is_split_where_it_is_dense(cut):
    random = np.random.default_rng(0)
    dense = unit(np.eye(1, 16) + 0.05 * random.standard_normal((100, 16)))
    sparse = unit(np.eye(16)[1:5])
    vectors = np.concatenate([dense, sparse])
    tokens = np.full(104, 10)
    found = cut(vectors, tokens, auto_k=False, k=5, cell_tokens=200)
    check(found, vectors, tokens)
    assert found.tokens.max() <= 200
    assert found.k > 5


def test_a_passage_above_the_budget_gets_a_cell_of_its_own_and_is_reported(cut):
    vectors, tokens = noise(20), np.full(20, 10)
    tokens[4] = 500
    found = cut(vectors, tokens, cell_tokens=60)
    check(found, vectors, tokens)
    assert oversize(found) == [0]
    assert found.members()[0] == [4]


def test_fixed_k_is_kept_where_the_budget_allows(cut):
    vectors = noise(100)
    found = cut(vectors, auto_k=False, k=7, cell_tokens=10_000)
    assert found.k == 7
    assert list(found.scores) == [7]
    check(found, vectors, np.full(100, 10))


@pytest.mark.parametrize("seed", range(4))
def test_a_fixed_k_is_met_exactly_where_k_means_leaves_cells_empty(cut, seed):
    # Most passages are copies of two: k-means starts several centroids on the same point.
    vectors = np.concatenate([np.repeat(noise(2, seed=seed), 40, axis=0), noise(20, seed=seed + 50)])
    found = cut(vectors, auto_k=False, k=20, cell_tokens=None, seed=seed)
    assert found.k == 20
    check(found, vectors, np.full(100, 10))


def test_without_a_bound_on_tokens_no_cell_is_split_or_called_oversize(cut):
    vectors, tokens = noise(60), np.full(60, 500)
    found = cut(vectors, tokens, auto_k=False, k=3, cell_tokens=None)
    assert found.k == 3
    assert oversize(found) == []


def test_a_count_other_than_the_one_asked_for_is_explained(cut):
    split = cut(noise(60), auto_k=False, k=3, cell_tokens=100)
    assert split.k > 3
    assert "those of more than 100 tokens were split" in explain_cell_count(split.k, 3, 100)
    copies = np.repeat(noise(4), 5, axis=0)
    few = cut(copies, auto_k=False, k=9, cell_tokens=None)
    assert few.k == 4
    assert "no more than 4 different passages" in explain_cell_count(few.k, 9, 100)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("config", [{}, {"auto_k": False, "k": 50}, {"auto_k": False, "k": 1}, {"cell_tokens": 1}])
def test_tiny_corpora(cut, n, config):
    vectors = noise(n)
    found = cut(vectors, **config)
    check(found, vectors, np.full(n, 10))
    assert found.k <= n
    assert np.isfinite(found.silhouette)


@pytest.mark.parametrize("config", [{}, {"auto_k": False, "k": 40}, {"cell_tokens": 50}])
def test_copies_share_a_cell(cut, config):
    kinds = np.random.default_rng(1).integers(0, 5, 60)
    vectors = noise(5)[kinds]
    found = cut(vectors, **config)
    check(found, vectors, np.full(60, 10))
    assert found.k <= 5
    for kind in range(5):
        assert len(set(found.assignment[kinds == kind])) == 1


def test_all_passages_alike(cut):
    vectors = np.repeat(noise(1), 30, axis=0)
    found = cut(vectors, cell_tokens=50)
    assert found.k == 1
    assert oversize(found) == [0]


def test_near_copies_that_arithmetic_cannot_part_do_not_hang(cut):
    vectors = np.repeat(noise(1), 40, axis=0)
    vectors[:, 0] += np.arange(40, dtype=np.float32) * np.float32(1e-7)
    found = cut(vectors, cell_tokens=50)
    assert found.tokens.sum() == 400


def test_bounds_are_respected(cut):
    vectors = noise(120)
    assert set(cut(vectors, k_min=4, k_max=6, cell_tokens=10_000).scores) == {4, 5, 6}
    assert set(cut(vectors, k_min=9, cell_tokens=10_000).scores) >= {9}


def test_candidates_run_from_full_cells_to_half_full_ones():
    tokens = np.full(1000, 100)
    counts = candidate_counts(tokens, 1000, PartitionConfig(cell_tokens=1000))
    assert counts[0] == 100
    assert counts[-1] == 200
    assert len(counts) == 8
    assert candidate_counts(tokens[:9], 9, PartitionConfig(cell_tokens=10_000)) == [1, 2, 3]


def test_two_passages_stay_together(cut):
    assert cut(noise(2), cell_tokens=1024).k == 1


def test_a_large_corpus_is_cut_only_once():
    tokens = np.full(100_000, 130)
    assert candidate_counts(tokens, 100_000, PartitionConfig(cell_tokens=1024)) == [12696]


def test_progress_tells_every_k_and_its_silhouette():
    vectors = noise(60)
    steps = list(partition_passages(vectors, np.full(60, 10), PartitionConfig()))
    tried = [step.data["k"] for step in steps if step.data]
    assert tried == sorted(tried)
    assert steps[-1].done == steps[-1].total == len(tried)


def test_saved_and_loaded_it_is_the_same(cut, tmp_path):
    found = cut(noise(50), cell_tokens=120)
    found.save(tmp_path)
    again = Partition.load(tmp_path)
    np.testing.assert_array_equal(again.centroids, found.centroids)
    np.testing.assert_array_equal(again.assignment, found.assignment)
    np.testing.assert_array_equal(again.tokens, found.tokens)
    assert (again.silhouette, again.scores, again.config) == (found.silhouette, found.scores, found.config)
    assert again.members() == found.members()


def test_a_damaged_file_is_refused(cut, tmp_path):
    cut(noise(10)).save(tmp_path)
    path = tmp_path / "partition.safetensors"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(ArtefactStale, match="partition"):
        Partition.load(tmp_path)
    with pytest.raises(ArtefactStale):
        Partition.load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "config",
    [{"auto_k": False}, {"auto_k": False, "k": 0}, {"cell_tokens": 0}, {"k_min": 5, "k_max": 2}, {"k_max": -1}],
)
def test_senseless_settings_are_refused(config):
    with pytest.raises(TesseraError):
        PartitionConfig(**config)


def test_nothing_to_cut_is_refused(cut):
    with pytest.raises(TesseraError):
        cut(np.zeros((0, 4)), [])
    with pytest.raises(TesseraError):
        cut(noise(5), [1, 2])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_vector_that_is_no_number_is_refused(cut, value):
    vectors = noise(50)
    vectors[3, 4] = value
    with pytest.raises(TesseraError, match="not a number"):
        cut(vectors)


@pytest.mark.parametrize("value", [float("nan"), 1e162])
def test_a_partition_with_an_impossible_silhouette_is_damaged(cut, tmp_path, value):
    replace(cut(noise(50)), silhouette=value).save(tmp_path)
    with pytest.raises(ArtefactStale, match="not a number"):
        Partition.load(tmp_path)
