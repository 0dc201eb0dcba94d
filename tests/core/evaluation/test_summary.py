"""Numbers of a run, worked by hand from rows that are written down here."""

import pytest

from core.evaluation.scoring import score
from core.evaluation.summary import answers_of, differences, method_figures, per_hop, spread, summarise, tokens_per_s
from tests.core.evaluation.conftest import row


def scored(**answers):
    return {i: {**(made := row(answer=text)), "scores": score(made)} for i, text in answers.items()}


def test_differences_pair_the_same_questions():
    ours = scored(a="Oren Pask", b="Oren Pask", c="nobody")
    theirs = scored(a="nobody", b="Oren Pask", d="Oren Pask")
    found = differences(ours, theirs, seed=0)
    assert found["em"]["mean"] == 0.5 and found["em"]["n"] == 2  # a: +1, b: 0; c and d have no partner
    assert found["total_ms"]["mean"] == 0


def test_spread_is_median_and_nearest_rank_percentile():
    assert spread([5.0, 1.0, 3.0]) == {"median": 3.0, "p90": 5.0, "n": 3}
    assert spread(list(range(1, 11)))["p90"] == 9


def test_tokens_a_second_counts_evidence_and_answer():
    made = row()
    made["trace"]["spans"] = [
        {"name": "prefill", "start_ms": 0, "ms": 700},
        {"name": "evidence", "start_ms": 700, "ms": 300},
        {"name": "decode", "start_ms": 1000, "ms": 200},
    ]
    made["trace"]["generated_tokens"] = 10
    assert tokens_per_s(made) == pytest.approx(20.0)
    made["trace"]["generated_tokens"] = 0
    assert tokens_per_s(made) is None


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


def test_refusing_stands_apart_from_right_and_wrong():
    rows = [row("Oren Pask"), row("not in the passages"), row("not in the passages", golds=()), row("Mara", golds=())]
    found = method_figures([{**made, "scores": score(made)} for made in rows], seed=0)
    assert (found["em"]["n"], found["em"]["mean"]) == (2, 0.5)
    assert (found["refusing_precision"]["n"], found["refusing_precision"]["mean"]) == (2, 0.5)
    assert (found["refusing_recall"]["n"], found["refusing_recall"]["mean"]) == (2, 0.5)


def test_where_every_question_has_an_answer_refusing_is_not_shown():
    rows = [row("not in the passages"), row("Oren Pask")]
    assert "refusing_precision" not in method_figures([{**made, "scores": score(made)} for made in rows], seed=0)


def test_who_answers_with_two_models_is_not_ranked_by_time(finished):
    folder = finished("rag,memory")
    answers = answers_of(folder)
    by_one = summarise(folder, answers=answers)
    assert "ttft_ms" in by_one["differences_to_rag"]["memory"] and "break_even" in by_one["efficiency"]["memory"]
    for found in answers["memory"].values():
        found["details"] |= {"evidence_by": "small", "answerer": "large at host"}
    by_two = summarise(folder, answers=answers)
    assert "ttft_ms" not in by_two["differences_to_rag"]["memory"] and "f1" in by_two["differences_to_rag"]["memory"]
    assert "break_even" not in by_two["efficiency"]["memory"]
