import numpy as np
import pytest

from core.corpus.types import Passage
from core.labs.serverless.study.corpus import grow, recall
from core.models.embeddings import nearest_rows


def unit(n, dim=32, seed=0):
    vectors = np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


PASSAGES = tuple(Passage(f"p{row}", "", f"text {row}") for row in range(20))
VECTORS = unit(20)


def test_real_passages_come_first_and_alone_while_they_last():
    small, large = grow(PASSAGES, VECTORS, 8, 0), grow(PASSAGES, VECTORS, 500, 0)
    assert small.passages == PASSAGES[:8] and small.real == 8
    assert large.passages[:20] == PASSAGES and large.real == 20 and len(large.passages) == len(large.vectors) == 500
    assert np.array_equal(large.vectors[:20], VECTORS)
    assert len({passage.id for passage in large.passages}) == 500


def test_synthetic_vectors_are_unit_and_near_a_real_one():
    made = grow(PASSAGES, VECTORS, 2000, 0).vectors[20:]
    assert np.linalg.norm(made, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert (made @ VECTORS.T).max(axis=1).mean() == pytest.approx(0.8, abs=0.03)
    assert np.array_equal(made, grow(PASSAGES, VECTORS, 2000, 0).vectors[20:])


def test_exact_search_agrees_with_sorting_everything():
    vectors, queries = unit(300), unit(5, seed=1)
    for query, rows in zip(queries, nearest_rows(vectors, queries, 10), strict=True):
        assert rows == np.argsort(-(vectors @ query), kind="stable")[:10].tolist()
    assert sorted(nearest_rows(vectors[:4], queries[:1], 10)[0]) == [0, 1, 2, 3]


def test_recall_is_the_share_that_was_found():
    assert recall(("a", "b", "x"), ("a", "b", "c", "d")) == 0.5
