import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from core.voronoi.silhouette import silhouette


def test_it_equals_that_of_scikit_learn(cut, blobs):
    vectors, _ = blobs
    for assignment in (cut(vectors, auto_k=False, k=9).assignment, np.arange(240) // 7, np.arange(240) // 2):
        expected = silhouette_score(vectors, assignment, metric="cosine")
        assert silhouette(vectors, assignment) == pytest.approx(expected, abs=1e-5)


def test_silhouette_of_a_cell_of_one_counts_nothing(blobs):
    vectors, _ = blobs
    assignment = np.r_[0, np.ones(119, int), np.full(120, 2)]
    assert silhouette(vectors, assignment) == pytest.approx(
        silhouette_score(vectors, assignment, metric="cosine"), abs=1e-5
    )


def test_it_is_not_defined_for_one_cell_or_for_n(blobs):
    vectors, _ = blobs
    assert silhouette(vectors, np.zeros(240, dtype=int)) == 0.0
    assert silhouette(vectors, np.arange(240)) == 0.0


def test_rows_beyond_one_block_count(blobs, monkeypatch):
    vectors, truth = blobs
    whole = silhouette(vectors, truth)
    monkeypatch.setattr("core.voronoi.silhouette.BLOCK", 50)
    assert silhouette(vectors, truth) == pytest.approx(whole)
