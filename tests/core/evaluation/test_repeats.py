import pytest

from core.evaluation.repeats import Spread, spread


def test_median_and_extremes():
    assert spread([5.0, 1.0, 3.0]) == Spread(3, 3.0, 1.0, 5.0)
    assert spread([4.0, 2.0]).median == 3.0


def test_nothing_has_no_spread():
    with pytest.raises(ValueError):
        spread([])
