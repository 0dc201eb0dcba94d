import numpy as np
import pytest
import torch

from core.errors import ArtefactStale
from core.voronoi.projection import FRAME, Projection, project, project_query


@pytest.fixture(scope="module")
def umap(blobs):
    return project(*blobs, seed=3)


def test_umap_is_reproducible_and_keeps_separate_cells_apart(umap, blobs):
    assert umap.technique == "umap"
    assert umap.agreement == 1.0
    assert umap.trustworthiness > 0.8
    np.testing.assert_array_equal(project(*blobs, seed=3).xy, umap.xy)


def test_a_map_leaves_the_model_as_many_threads_as_it_had(blobs):
    threads = torch.get_num_threads()  # one, see tests/conftest.py
    project(*blobs, technique="umap")
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("technique", ["umap", "pca"])
def test_points_fill_the_frame(umap, blobs, technique):
    found = umap if technique == "umap" else project(*blobs, technique="pca")
    assert found.technique == technique
    assert found.xy.shape == (240, 2)
    assert found.xy.dtype == np.float32
    np.testing.assert_allclose(found.xy.max(axis=0), FRAME, atol=1e-5)
    np.testing.assert_allclose(found.xy.min(axis=0), [-1.6, -1.0], atol=1e-5)


def test_centres_are_the_means_of_the_cells(umap, blobs):
    _, truth = blobs
    np.testing.assert_allclose(umap.centres[4], umap.xy[truth == 4].mean(axis=0), atol=1e-6)


def test_fidelity_falls_when_the_map_lies(blobs):
    vectors, truth = blobs
    honest = project(vectors, truth, technique="pca")
    shuffled = np.random.default_rng(0).permutation(truth)
    assert project(vectors, shuffled, technique="pca").agreement < 0.5 < honest.agreement
    random = np.random.default_rng(0).standard_normal((240, 64)).astype(np.float32)
    assert project(random, truth, technique="pca").trustworthiness < honest.trustworthiness


@pytest.mark.parametrize("n", [1, 2, 3, 5, 14])
def test_tiny_corpora_get_pca(blobs, n):
    vectors, truth = blobs
    found = project(vectors[:n], truth[:n])
    assert found.technique == "pca"
    assert np.isfinite(found.xy).all()
    assert 0 <= found.trustworthiness <= 1
    assert found.agreement == 1.0


def test_copies_do_not_break_it(blobs):
    vectors = np.repeat(blobs[0][:2], 6, axis=0)
    found = project(vectors, np.repeat([0, 1], 6))
    assert np.isfinite(found.xy).all()
    same = project(np.repeat(vectors[:1], 5, axis=0), np.zeros(5, dtype=int))
    assert np.isfinite(same.xy).all()


def test_a_question_is_placed_among_its_true_neighbours(umap, blobs):
    vectors, truth = blobs
    for row in (0, 100, 200):
        point = project_query(vectors[row], vectors, umap.xy)
        cell = umap.xy[truth == truth[row]]
        assert (cell.min(axis=0) <= point).all()
        assert (point <= cell.max(axis=0)).all()
        np.testing.assert_allclose(project_query(vectors[row], vectors, umap.xy, k=1), umap.xy[row])


def test_nearer_neighbours_pull_harder():
    vectors = np.array([[1, 0], [0.8, 0.6]], dtype=np.float32)
    xy = np.array([[0, 0], [1, 0]], dtype=np.float32)
    assert 0 < project_query(np.array([1, 0], dtype=np.float32), vectors, xy)[0] < 0.1


def test_saved_and_loaded_it_is_the_same(umap, tmp_path):
    umap.save(tmp_path)
    again = Projection.load(tmp_path)
    np.testing.assert_array_equal(again.xy, umap.xy)
    np.testing.assert_array_equal(again.centres, umap.centres)
    assert (again.technique, again.seed) == ("umap", 3)
    assert (again.trustworthiness, again.agreement) == (umap.trustworthiness, umap.agreement)
    (tmp_path / "projection.safetensors").write_bytes(b"no")
    with pytest.raises(ArtefactStale):
        Projection.load(tmp_path)
