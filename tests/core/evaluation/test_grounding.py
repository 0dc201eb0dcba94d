"""Grounding without a judge, held against 64 answers labelled by hand over the sample's world.

Measured when the labels were made: faithfulness AUC .849 over all claims and .969 over answers of the kind that was
asked for; relevancy agrees with every label. The bounds below leave a margin for changes of tokenisation, not more.
The labels are few and of one hand, and the weighting was chosen on them: they show what the scores can tell apart.
"""

import json
from pathlib import Path

import pytest

from core.corpus.sample import load_sample
from core.evaluation.grounding import Support, faithfulness, find_support, is_refusal, relevancy

ORCHID = "The fog orchid is rare. Its petals smell of cinnamon. Cinnamon is a spice."
TEA = "Fog tea smells of smoke."
LABELLED = [json.loads(line) for line in (Path(__file__).parent / "labelled.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def judged():
    texts = {passage.id: passage.text for passage in load_sample().passages}
    return [
        (row, faithfulness(row["question"], row["answer"], [texts[i] for i in row["passages"]])) for row in LABELLED
    ]


def auc(positive, negative):
    """Chance that a positive scores above a negative, ties counting half (Hanley & McNeil 1982)."""
    wins = sum((a > b) + 0.5 * (a == b) for a in positive for b in negative)
    return wins / (len(positive) * len(negative))


def test_auc_by_hand():
    assert auc([3, 2], [1, 2]) == 0.875  # three wins and a tie in four pairs


def test_there_are_enough_labels_of_both_kinds():
    faithful = [row["faithful"] for row in LABELLED]
    assert len(LABELLED) >= 40 and faithful.count(1) >= 20 and faithful.count(0) >= 20
    assert sum(row["relevant"] for row in LABELLED) < len(LABELLED) - 10


def test_faithfulness_tells_supported_claims_from_others(judged):
    positive = [value for row, value in judged if row["faithful"] == 1]
    negative = [value for row, value in judged if row["faithful"] == 0]
    assert auc(positive, negative) >= 0.80
    of_the_asked_kind = [value for row, value in judged if row["faithful"] == 0 and row["relevant"]]
    assert auc(positive, of_the_asked_kind) >= 0.93


def test_refusals_claim_nothing(judged):
    assert [value for row, value in judged if row["faithful"] is None] == [None, None]
    assert is_refusal("not in the passages") and is_refusal("  ") and not is_refusal("a passage north")


def test_relevancy_agrees_with_the_labels():
    agrees = [relevancy(row["question"], row["answer"]) == row["relevant"] for row in LABELLED]
    assert sum(agrees) / len(agrees) >= 0.95


def test_numbers_must_be_the_same_numbers():
    evidence = ["The bridge is 1,200 metres long. It has nine arches."]
    assert faithfulness("How long is the bridge?", "1200 metres", evidence) == 1
    assert faithfulness("How long is the bridge?", "1201", evidence) == 0
    assert faithfulness("How many arches has it?", "9", evidence) == 1


def test_without_evidence_nothing_is_supported():
    assert faithfulness("Who built it?", "Oren Pask", []) == 0
    assert faithfulness("Who built it?", "Oren Pask", ["Pears grow well here."]) == 0


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        ("Who won?", "1994", 0),
        ("When did she win?", "in spring", 1),
        ("How many were there?", "a dozen", 1),
        ("Was it red or blue?", "red", 1),
        ("What colour is the boat?", "the boat", 0),
        ("What is the capital?", "", 0),
    ],
)
def test_relevancy_looks_at_the_kind_of_answer(question, answer, expected):
    assert relevancy(question, answer) == expected


def quoted(support, texts):
    return texts[support.text_index][support.start : support.end]


def test_the_sentence_nearest_to_the_question_among_those_that_hold_the_answer():
    texts = (TEA, ORCHID)
    support = find_support("cinnamon", "What do the petals smell of?", texts)
    assert quoted(support, texts) == "Its petals smell of cinnamon."


def test_case_articles_and_punctuation_do_not_matter():
    assert find_support("The Smoke!", "What?", (TEA,)) == Support(0, 0, len(TEA))


def test_part_of_a_word_is_no_support():
    assert find_support("cinna", "What do the petals smell of?", (ORCHID,)) is None


def test_the_better_ranked_passage_wins_among_equals():
    assert find_support("smoke", "What?", (TEA, TEA)).text_index == 0


def test_nothing_said_and_nothing_read_rest_on_nothing():
    assert find_support("...", "What?", (ORCHID,)) is None
    assert find_support("smoke", "What?", ()) is None


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ("11.80", "It burns at 1180 degrees."),
        ("3-4", "It has 34 rings."),
        ("지", "지도가 도서관에 있다."),
        ("사른", "사른왕국의 지도가 있다."),
        ("not in the passages", "It is not in the passages of the cellar."),
    ],
)
def test_an_answer_that_does_not_stand_there_is_held_by_nothing(answer, sentence):
    assert find_support(answer, "What is it?", [sentence]) is None


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [("1180", "It burns at 1,180 degrees."), ("도서관", "그 지도는 도서관에는 없다."), ("3", "Of 3 bells one rings.")],
)
def test_an_answer_that_stands_there_is_held(answer, sentence):
    assert find_support(answer, "What is it?", [sentence]) is not None
