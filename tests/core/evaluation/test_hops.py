from core.evaluation.hops import per_hop
from tests.core.evaluation.conftest import row


def two_hops(found, kind=""):
    return row(found=found, gold=("a", "b"), kind=kind)


def test_the_hop_that_is_missed_by_hand():
    rows = [two_hops(("a", "b"), "bridge"), two_hops(("a", "x"), "bridge"), two_hops(("b",), "comparison"), row()]
    found = per_hop(rows)
    assert set(found) == {"all", "bridge", "comparison"} and found["all"]["n"] == 3
    assert [hop["mean"] for hop in found["bridge"]["hops"]] == [1.0, 0.5]
    assert found["bridge"]["both"] == 0.5 and found["bridge"]["only_first"] == 0.5
    assert found["comparison"]["only_second"] == 1 and found["comparison"]["neither"] == 0
    assert abs(found["all"]["hops"][0]["mean"] - 2 / 3) < 1e-9


def test_questions_of_one_passage_have_no_hops():
    assert per_hop([row(), row(gold=())]) == {}


def test_a_single_kind_is_shown_once():
    assert set(per_hop([two_hops(("a",), "bridge"), two_hops((), "bridge")])) == {"all"}


def test_without_a_kind_there_is_one_group():
    assert set(per_hop([two_hops(())])) == {"all"}
    assert per_hop([two_hops(())])["all"]["neither"] == 1
