"""Shuffling Z destroys the answers and leaves the route alone."""

from __future__ import annotations

import pytest

from core.errors import TesseraError
from core.memory.model import Memory
from core.memory.z_reader import batch_evidence, derangement, shuffled
from tests.core.memory.conftest import FACTS


def test_the_right_z_says_the_fact_and_a_shuffled_one_does_not(fact_memory: Memory) -> None:
    ids = [f"d{i}" for i in range(4)]
    assert batch_evidence(fact_memory, ["What?"] * 4, ids) == list(FACTS)
    evidence = batch_evidence(shuffled(fact_memory), ["What?"] * 4, ids)
    assert sorted(evidence) == sorted(FACTS)
    assert all(text != fact for text, fact in zip(evidence, FACTS, strict=True))


def test_shuffling_leaves_the_route_alone(fact_memory: Memory) -> None:
    question = "blue glass lamp"
    assert shuffled(fact_memory).route(question) == fact_memory.route(question)


@pytest.mark.parametrize("count", [2, 3, 7, 100])
def test_a_derangement_moves_everything(count: int) -> None:
    moved = derangement(count, seed=3)
    assert sorted(moved) == list(range(count))
    assert all(here != there for here, there in enumerate(moved))


def test_one_document_cannot_be_shuffled() -> None:
    with pytest.raises(TesseraError, match="single document"):
        derangement(1, seed=0)
