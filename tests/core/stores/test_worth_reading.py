"""How many of the passages that were found are read."""

import pytest

from core.stores.base import worth_reading


@pytest.mark.parametrize(
    ("scores", "cutoff", "read"),
    [
        ([0.9, 0.8, 0.5], 0.8, 2),  # 0.72 is the least
        ([0.9, 0.5, 0.8], 0.8, 1),  # nothing behind one that is left out
        ([0.9, 0.8, 0.5], 0.0, 3),
        ([0.9, 0.9, 0.5], 1.0, 2),
        ([0.2], 0.8, 1),
        ([-0.1, -0.2], 0.8, 1),  # the best is read, whatever it is like
        ([], 0.8, 0),
    ],
)
def test_passages_nearly_as_similar_as_the_best_are_read(scores, cutoff, read):
    assert worth_reading(scores, cutoff) == read
