import math

import pytest

from core.labs.serverless.study.study import crossover


def test_between_two_sizes_it_is_interpolated_on_the_logarithm():
    found = crossover([1000, 100_000], [1.0, 5.0], [2.0, 4.0])
    assert found.where == "between" and found.size == pytest.approx(10_000)


def test_the_last_crossing_counts():
    found = crossover([10, 100, 1000, 10_000], [3, 1, 1, 9], [2, 2, 2, 2])
    assert found.where == "between" and 1000 < found.size < 10_000
    assert found.size == pytest.approx(math.exp(math.log(1000) + math.log(10) / 8))


def test_one_that_is_always_or_never_below_does_not_cross():
    assert crossover([10, 100], [5, 9], [1, 1]).where == "always"
    assert crossover([10, 100], [1, 1], [5, 9]).where == "never"
    assert crossover([10], [1], [1]).where == "never"


def test_nothing_has_no_crossover():
    with pytest.raises(ValueError, match="nothing"):
        crossover([], [], [])
