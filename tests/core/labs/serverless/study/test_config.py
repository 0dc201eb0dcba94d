import numpy as np
import pytest

from core.errors import TesseraError
from core.labs.serverless.study.config import RAMP, Arrivals


def test_the_same_seed_draws_the_same_times():
    arrivals = Arrivals(1, 20, 10)
    times = arrivals.draw(3)
    assert times == arrivals.draw(3) != arrivals.draw(4)
    assert times == sorted(times) and times[0] > 0 and times[-1] < 10


def test_the_rate_rises_evenly_and_then_stays():
    arrivals = Arrivals(10, 50, 20)
    assert [arrivals.rate(t) for t in (0, RAMP * 10, RAMP * 20, 20)] == pytest.approx([10, 30, 50, 50])
    counts = np.mean([np.histogram(arrivals.draw(seed), bins=20, range=(0, 20))[0] for seed in range(60)], axis=0)
    expected = [np.mean([arrivals.rate(second + part) for part in np.linspace(0, 1, 50)]) for second in range(20)]
    assert counts == pytest.approx(expected, rel=0.15)


def test_a_steady_rate_has_exponential_gaps():
    gaps = np.diff(Arrivals(100, 100, 100).draw(0))
    assert gaps.mean() == pytest.approx(0.01, rel=0.05) and gaps.std() == pytest.approx(0.01, rel=0.05)


@pytest.mark.parametrize(("a", "b", "s"), [(0, 1, 1), (2, 1, 1), (1, 1, 0), (-1, 1, 1)])
def test_what_is_no_load_is_refused(a, b, s):
    with pytest.raises(TesseraError):
        Arrivals(a, b, s)
