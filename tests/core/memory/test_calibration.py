"""The null slot is set on held-out questions, and nothing else moves."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from core.corpus.types import Corpus, Question
from core.errors import TesseraError
from core.memory import calibration
from core.memory.calibration import FALSE_NULLS, best_similarities, calibrate_null, judge, threshold_for
from core.memory.config import MemoryConfig
from core.memory.model import Memory
from core.memory.store import read_card
from core.memory.training import train_memory
from core.models.language_model import LanguageModel

WORDS = ("lamp", "blue", "glass", "canal", "winter", "tower", "hill", "keepers", "carry", "lamps")
QUESTIONS = tuple(Question(f"c{i}", f"{WORDS[i % 10]} {WORDS[i // 3]}?", ("x",), (f"d{i % 4}",)) for i in range(24))


def test_few_known_questions_are_turned_away() -> None:
    held = torch.linspace(0.3, 0.9, 200)[torch.randperm(200)]
    found = judge(threshold_for(held), held, torch.full((200,), 0.2))
    assert found.false_nulls == pytest.approx(FALSE_NULLS)
    assert found.caught == 1.0


def test_with_few_questions_none_is_turned_away() -> None:
    held = torch.tensor([0.5] * 21)
    assert judge(threshold_for(held), held, held - 0.1).false_nulls == 0.0


def test_leaving_documents_out_can_only_lower_the_best(fact_memory: Memory) -> None:
    held, left_out = best_similarities(fact_memory, QUESTIONS)
    assert held.shape == left_out.shape == (24,)
    assert bool((left_out <= held).all()) and bool((left_out < held).any())


def test_of_many_questions_some_spread_over_all_are_looked_at(
    fact_memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "MOST", 10)
    held, _ = best_similarities(fact_memory, QUESTIONS)
    asked = fact_memory.similarities([question.text for question in QUESTIONS[::3]])
    assert torch.equal(held, asked.amax(1))


def test_the_slot_moves_and_nothing_else(fact_memory: Memory, tiny_lm: LanguageModel, tmp_path: Path) -> None:
    with torch.no_grad():
        fact_memory.router.null.fill_(0.99)
    parts = {name: tensor.clone() for name, tensor in fact_memory.router.state_dict().items() if name != "null"}
    z = fact_memory.pool.z.clone()
    before, after = calibrate_null(fact_memory, QUESTIONS)
    assert before.false_nulls == 1.0 and after.false_nulls <= FALSE_NULLS
    assert all(torch.equal(parts[name], fact_memory.router.state_dict()[name]) for name in parts)
    assert torch.equal(z, fact_memory.pool.z)
    fact_memory.save(tmp_path)
    again = Memory.load(tmp_path, tiny_lm)
    assert again.router.null.item() == pytest.approx(after.threshold)
    assert again.card.training["null_false_nulls"] == after.false_nulls
    assert again.route("blue lamp?") == fact_memory.route("blue lamp?")


def test_a_question_is_known_exactly_above_the_threshold(fact_memory: Memory) -> None:
    _, after = calibrate_null(fact_memory, QUESTIONS)
    held, _ = best_similarities(fact_memory, QUESTIONS)
    known = [routing.knows for routing in fact_memory.route_all([question.text for question in QUESTIONS])]
    assert known == (held > after.threshold).tolist()


def test_too_few_questions_are_refused(fact_memory: Memory) -> None:
    with pytest.raises(TesseraError, match="too few"):
        calibrate_null(fact_memory, QUESTIONS[:3])


def test_a_training_calibrates_where_it_can(
    tiny_lm: LanguageModel, fact_corpus: Corpus, small_config: MemoryConfig, tmp_path: Path
) -> None:
    corpus = Corpus("facts", fact_corpus.passages, {**fact_corpus.questions, "dev": QUESTIONS})
    list(train_memory(tiny_lm, corpus, tmp_path, small_config))
    assert read_card(tmp_path).training["null_questions"] == len(QUESTIONS)
    assert Memory.load(tmp_path, tiny_lm).router.null.item() == pytest.approx(
        read_card(tmp_path).training["null_threshold"], abs=1e-4
    )
