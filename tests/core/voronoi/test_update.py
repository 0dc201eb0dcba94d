"""Keeping a partition up: every passage lies in its nearest cell, and untouched cells stay."""

from dataclasses import replace

import numpy as np
import pytest

from core.voronoi.kmeans import nearest
from core.voronoi.partition import PartitionConfig, partition_passages, reassigned
from tests.generators import result_of


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def cut():
    rng = np.random.default_rng(0)
    centres = np.repeat(np.eye(3, 8), 4, axis=0)
    vectors = unit(centres + 0.05 * rng.standard_normal((12, 8)))
    tokens = np.full(12, 10)
    return result_of(partition_passages(vectors, tokens, PartitionConfig(auto_k=False, k=3))), vectors, tokens


def test_a_new_passage_joins_its_nearest_cell_and_moves_nobody(cut):
    partition, vectors, tokens = cut
    grown = np.concatenate([vectors, vectors[:1]])
    after = reassigned(partition, grown, np.append(tokens, 7))
    assert np.array_equal(after.assignment[:12], partition.assignment)
    assert after.assignment[12] == partition.assignment[0]
    assert np.array_equal(after.centroids, partition.centroids)
    assert after.tokens.sum() == 127


def test_a_cell_without_passages_is_gone(cut):
    partition, vectors, tokens = cut
    keep = partition.assignment != 0
    after = reassigned(partition, vectors[keep], tokens[keep])
    assert after.k == partition.k - 1
    assert sorted(map(len, after.members())) == [4, 4]


def test_a_cell_that_outgrows_its_budget_is_cut(cut):
    partition, vectors, tokens = cut
    tight = replace(partition, config=PartitionConfig(auto_k=False, k=3, cell_tokens=40))
    assert reassigned(tight, vectors, tokens).k == 3
    after = reassigned(tight, np.concatenate([vectors, vectors[:1]]), np.append(tokens, 10))
    assert after.k > 3 and after.tokens.max() <= 40
    assert np.array_equal(after.assignment, nearest(np.concatenate([vectors, vectors[:1]]), after.centroids))
