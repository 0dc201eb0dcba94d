"""Numbers of a run, worked by hand from rows that are written down here."""

import pytest

from core.evaluation.scoring import score
from core.evaluation.summary import differences, spread, tokens_per_s
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
