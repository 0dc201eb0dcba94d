"""Hand-worked scores of single answers."""

import pytest

from core.evaluation.scoring import LABELS, MEANINGS, score
from tests.core.evaluation.conftest import row


def test_every_metric_has_a_name_and_a_meaning():
    assert set(score(row())) <= set(LABELS) and set(LABELS) == set(MEANINGS)


def test_right_answer_and_right_passage():
    scores = score(row())
    assert scores["em"] == scores["kilt_em"] == scores["recall"] == scores["rouge_l"] == 1


def test_right_answer_from_the_wrong_passage_counts_for_em_but_not_for_kilt():
    scores = score(row(found=("p7",)))
    assert (scores["em"], scores["kilt_em"], scores["kilt_f1"], scores["recall"]) == (1, 0, 0, 0)


def test_context_precision_and_recall_by_hand():
    # Gold a and b; found a, c, d, e: 1 of 4 found is gold, 1 of 2 gold is found, not all of them.
    scores = score(row(found=("a", "c", "d", "e"), gold=("a", "b")))
    assert scores["context_precision"] == 0.25 and scores["context_recall"] == 0.5 and scores["recall"] == 0
    both = score(row(found=("b", "a"), gold=("a", "b")))
    assert both["context_precision"] == both["context_recall"] == both["recall"] == 1


def test_kilt_f1_is_f1_where_all_gold_is_found():
    # "Oren" against "Oren Pask": P = 1, R = 1/2, F1 = 2/3.
    assert score(row(answer="Oren"))["kilt_f1"] == pytest.approx(2 / 3)


def test_a_method_that_should_read_and_found_nothing_scores_zero():
    scores = score(row(method="bm25", found=()))
    assert scores["recall"] == scores["context_precision"] == scores["rouge_l"] == 0


def test_closed_book_has_no_evidence_to_score_and_no_provenance():
    scores = score(row(method="closed-book", found=()))
    assert not {"recall", "context_precision", "context_recall", "rouge_l"} & set(scores)
    assert scores["kilt_em"] == 0


def test_without_gold_passages_only_the_answer_is_scored():
    scores = score(row(gold=(), gold_evidence=[]))
    assert {"em", "f1", "coverage"} <= set(scores) and not {"recall", "kilt_em", "rouge_l"} & set(scores)


def test_a_question_without_an_answer_is_scored_for_refusing_alone():
    refused, invented = score(row("not in the passages", golds=())), score(row("Mara", golds=()))
    evidence = {"recall", "context_precision", "context_recall"}
    assert set(refused) - evidence - {"rouge_l"} == {"refusing_precision", "refusing_recall"}
    assert refused["refusing_precision"] == refused["refusing_recall"] == 1
    assert invented["refusing_recall"] == 0 and "refusing_precision" not in invented
    wrongly = score(row("not in the passages"))
    assert wrongly["refusing_precision"] == wrongly["em"] == 0 and "refusing_recall" not in wrongly


def test_a_korean_refusal_is_one():
    assert score(row("지문에서 찾을 수 없습니다.", golds=()))["refusing_recall"] == 1
