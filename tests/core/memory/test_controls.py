"""Shuffling Z destroys the answers, and the report tells the controls apart."""

from __future__ import annotations

import pytest
import torch

from core.corpus.types import Corpus, Question
from core.errors import TesseraError
from core.memory.controls import derangement, measure_controls, shuffled, without_z
from core.memory.model import Memory
from tests.core.memory.conftest import FACTS


def test_the_right_z_says_the_fact_and_a_shuffled_one_does_not(fact_memory: Memory) -> None:
    ids = [f"d{i}" for i in range(4)]
    assert fact_memory.evidence(["What?"] * 4, ids) == list(FACTS)
    said = shuffled(fact_memory).evidence(["What?"] * 4, ids)
    assert sorted(said) == sorted(FACTS)
    assert all(text != fact for text, fact in zip(said, FACTS, strict=True))


def test_shuffling_leaves_the_route_alone(fact_memory: Memory) -> None:
    question = "blue glass lamp"
    assert shuffled(fact_memory).route(question) == fact_memory.route(question)


def test_without_z_nothing_tells_the_documents_apart(fact_memory: Memory) -> None:
    blind = without_z(fact_memory)
    assert blind.opening(["d0"]).shape[0] == fact_memory.opening(["d0"]).shape[0] - 4
    assert len(set(blind.evidence(["What?"] * 4, [f"d{i}" for i in range(4)]))) == 1


@pytest.mark.parametrize("count", [2, 3, 7, 100])
def test_a_derangement_moves_everything(count: int) -> None:
    moved = derangement(count, seed=3)
    assert sorted(moved) == list(range(count))
    assert all(here != there for here, there in enumerate(moved))


def test_one_document_cannot_be_shuffled() -> None:
    with pytest.raises(TesseraError, match="single document"):
        derangement(1, seed=0)


def test_the_report_counts_what_was_routed_right_and_said_wrong(fact_memory: Memory, fact_corpus: Corpus) -> None:
    question = fact_corpus.questions["train"][0]
    lost = Question("lost", question.text, ("never said",), ("d0", "d1", "d2", "d3"), question.evidence)
    foreign = Question("foreign", "What?", ("x",), ("elsewhere",))
    report = measure_controls(fact_memory, [lost, foreign])
    assert report.questions == 1
    assert report.recall_at_1 == report.recall_at_5 == 1.0
    assert report.routed_right_said_wrong == 1.0
    assert report.controls["oracle"].rouge_l == 1.0
    assert report.controls["shuffled"].rouge_l < 0.5
    assert report.specificity == report.controls["right"].rouge_l - report.controls["shuffled"].rouge_l


def test_questions_of_another_corpus_are_refused(fact_memory: Memory) -> None:
    with pytest.raises(TesseraError, match="None of the questions"):
        measure_controls(fact_memory, [Question("q", "What?", ("x",), ("elsewhere",))])


def test_measuring_changes_nothing(fact_memory: Memory, fact_corpus: Corpus) -> None:
    before = fact_memory.pool.z.clone()
    measure_controls(fact_memory, fact_corpus.questions["train"])
    assert torch.equal(before, fact_memory.pool.z)
