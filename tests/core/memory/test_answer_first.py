"""A memory that goes on learning to answer briefly says both, the evidence and the answer, from the same z."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.corpus.types import Corpus, Passage
from core.errors import TesseraError
from core.memory.model import Memory
from core.memory.shared_weights import SharedWeights
from core.memory.training import train_memory
from core.memory.z_reader import ReadConfig, ZReader
from core.models.language_model import LanguageModel
from core.settings import Settings
from tests.core.memory.conftest import FACT_CONFIG, FACTS

CONFIG = replace(FACT_CONFIG, answers=True, steps=80)


@pytest.fixture(scope="module")
def folder(
    tiny_lm: LanguageModel, fact_corpus: Corpus, fact_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The memory of the four facts, trained on to answer, too."""
    output = tmp_path_factory.mktemp("answers")
    history = [
        progress.data
        for progress in train_memory(tiny_lm, fact_corpus, output, CONFIG, start=SharedWeights.load(fact_folder))
    ]
    assert any("answer_loss" in data for data in history)
    assert [data["held_out_em"] for data in history if "held_out_em" in data] == [1.0]
    return output


@pytest.mark.parametrize("mode", ["prefix", "kv"])
def test_evidence_and_answer_are_read_off_the_same_z(folder: Path, tiny_lm: LanguageModel, mode: str) -> None:
    reader = ZReader(Memory.load(folder, tiny_lm), ReadConfig(mode, order="answer"))
    for _ in range(2):
        assert [reader.answer("What?", [f"d{i}"]) for i in range(4)] == [fact.rstrip(".") for fact in FACTS]
        assert [reader.evidence("What?", [f"d{i}"]) for i in range(4)] == list(FACTS)


def test_a_memory_that_was_not_trained_for_it_does_not_answer_first(fact_memory: Memory) -> None:
    with pytest.raises(TesseraError, match="not trained to answer") as refusal:
        ZReader(fact_memory, ReadConfig(order="answer"))
    assert "answers: true" in str(refusal.value.remedy)


def test_an_unknown_order_is_refused() -> None:
    with pytest.raises(TesseraError, match="order is 'title'"):
        ReadConfig(order="title")


def test_where_the_answer_comes_first_z_is_kept_ready() -> None:
    first = ReadConfig.usual(CONFIG, Settings(memory_order="answer"))
    assert (first.mode, first.answers_first) == ("kv", True)
    assert ReadConfig.usual(CONFIG, Settings()) == ReadConfig("prefix", order="evidence")
    assert ReadConfig.usual(replace(CONFIG, read="cross"), Settings(memory_order="answer")).mode == "cross"


def test_a_training_over_the_same_documents_goes_on_from_their_z(fact_folder: Path, fact_corpus: Corpus) -> None:
    weights = SharedWeights.load(fact_folder)
    assert weights.holds(fact_corpus, CONFIG)
    assert not weights.holds(fact_corpus, replace(CONFIG, m=CONFIG.m + 1))
    edited = (Passage("d0", "", "The lamp is red."), *fact_corpus.passages[1:])
    assert not weights.holds(replace(fact_corpus, passages=edited), CONFIG)
    assert not replace(weights, card=replace(weights.card, learned=("d0",))).holds(fact_corpus, CONFIG)
