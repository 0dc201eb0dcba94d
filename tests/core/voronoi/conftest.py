import numpy as np
import pytest

from core.voronoi.partition import PartitionConfig, partition_passages
from tests.generators import result_of


def unit(rows):
    rows = np.asarray(rows, dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


@pytest.fixture(scope="session")
def blobs():
    """240 unit vectors of 16 dimensions around six directions, and which of them each belongs to."""
    random = np.random.default_rng(7)
    truth = np.repeat(np.arange(6), 40)
    return unit(np.eye(6, 16)[truth] + 0.08 * random.standard_normal((240, 16))), truth


@pytest.fixture(scope="session")
def cut():
    """Runs a partition to its end."""

    def run(vectors, tokens=None, **config):
        vectors = np.asarray(vectors, dtype=np.float32)
        tokens = np.full(len(vectors), 10) if tokens is None else np.asarray(tokens)
        return result_of(partition_passages(vectors, tokens, PartitionConfig(**config)))

    return run
