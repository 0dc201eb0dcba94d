import pytest

from core.feedback.base import Feedback
from core.feedback.ranking import rank, wilson


def judged(method, up, down):
    return [
        Feedback(f"q{number}", method, "a", 1 if number < up else -1, asked=str(number)) for number in range(up + down)
    ]


@pytest.mark.parametrize(
    ("up", "n", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (8, 10, 0.4902, 0.9433), (1, 1, 0.2065, 1)],
)
def test_wilson_as_in_the_tables(up, n, low, high):
    assert wilson(up, n) == pytest.approx((low, high), abs=1e-4)


def test_one_lucky_vote_does_not_lead():
    ranks = rank([*judged("lucky", 1, 0), *judged("steady", 18, 2), *judged("poor", 1, 9)])
    assert [(entry.method, entry.up, entry.n) for entry in ranks] == [
        ("steady", 18, 20),
        ("lucky", 1, 1),
        ("poor", 1, 10),
    ]
    assert all(entry.lower <= entry.up / entry.n <= entry.upper for entry in ranks)


def test_nobody_has_judged():
    assert rank([]) == []
