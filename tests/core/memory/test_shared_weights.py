"""A warm start: the shared weights of one memory begin the training of another, which then needs few steps or none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from core.corpus.types import Corpus, Passage, Question
from core.errors import ArtefactStale, TesseraError
from core.memory import store
from core.memory.adaptation import document_z
from core.memory.config import MemoryConfig
from core.memory.model import Memory
from core.memory.projector import token_idf
from core.memory.shared_weights import SHAPES, SharedWeights
from core.memory.training import EVIDENCE_STAGE, train_memory
from core.memory.z_reader import batch_evidence
from core.models.language_model import LanguageModel
from tests.core.memory.conftest import FACT_CONFIG
from tests.models import tiny_language_model

OTHER = ("The observatory is old.", "Lamps of the canal.", "A map of winter.")


@pytest.fixture
def weights(fact_folder: Path) -> SharedWeights:
    return SharedWeights.load(fact_folder)


@pytest.fixture
def warm(fact_memory: Memory) -> MemoryConfig:
    """Settings of the memory to start from, with no step of either stage."""
    return replace(fact_memory.card.config, steps=0, router_steps=0)


@pytest.fixture
def other() -> Corpus:
    passages = tuple(Passage(f"o{i}", "", text) for i, text in enumerate(OTHER))
    questions = tuple(Question(f"p{i}", text, (text,), (f"o{i}",), (text,)) for i, text in enumerate(OTHER))
    return Corpus("other", passages, {"train": questions, "dev": questions})


def run(lm: LanguageModel, corpus: Corpus, folder: Path, config: MemoryConfig, **options: Any) -> list[dict[str, Any]]:
    return [dict(progress.data) for progress in train_memory(lm, corpus, folder, config, **options) if progress.data]


def test_without_a_step_every_document_keeps_its_first_z_and_the_weights_are_the_old_ones(
    tiny_lm: LanguageModel, other: Corpus, weights: SharedWeights, warm: MemoryConfig, fact_folder: Path, tmp_path: Path
) -> None:
    history = run(tiny_lm, other, tmp_path, warm, start=weights)
    assert "held_out_rouge_l" in history[0]
    assert not any("held_out_recall_at_1" in step for step in history)
    memory = Memory.load(tmp_path, tiny_lm)
    for i, passage in enumerate(other.passages):
        assert torch.allclose(memory.pool.z[i], document_z(memory, passage), atol=1e-2)
    (ours, our_lora), (theirs, their_lora) = store.load_parts(tmp_path), store.load_parts(fact_folder)
    assert all(torch.equal(our_lora[name], their_lora[name]) for name in their_lora)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs if name != "router.idf")
    assert memory.card.origin == "facts"


def test_a_training_that_goes_on_from_z_counts_the_time_of_the_one_before(
    tiny_lm: LanguageModel,
    fact_corpus: Corpus,
    other: Corpus,
    weights: SharedWeights,
    warm: MemoryConfig,
    tmp_path: Path,
) -> None:
    for corpus, folder in ((fact_corpus, "same"), (other, "other")):
        run(tiny_lm, corpus, tmp_path / folder, warm, start=weights)
    same, others = (store.read_card(tmp_path / folder).training for folder in ("same", "other"))
    assert same["earlier_s"] == pytest.approx(weights.card.training["train_s"], abs=1e-3)
    assert "earlier_s" not in others


def test_the_router_gets_the_idf_of_the_new_corpus(
    tiny_lm: LanguageModel, other: Corpus, weights: SharedWeights, warm: MemoryConfig, tmp_path: Path
) -> None:
    run(tiny_lm, other, tmp_path, warm, start=weights)
    memory = Memory.load(tmp_path, tiny_lm)
    expected = token_idf([memory.prompt.encode(text) for text in OTHER], len(memory.router.idf))
    assert torch.allclose(memory.router.idf, expected, atol=1e-2)
    assert not torch.allclose(memory.router.idf, weights.parts["router.idf"], atol=1e-2)


def test_a_memory_without_a_step_finds_and_says_what_it_was_never_trained_on(
    tiny_lm: LanguageModel, other: Corpus, weights: SharedWeights, warm: MemoryConfig, tmp_path: Path
) -> None:
    run(tiny_lm, other, tmp_path, warm, start=weights)
    memory = Memory.load(tmp_path, tiny_lm)
    found = [memory.route(question.text, 1).documents[0].passage_id for question in other.questions["dev"]]
    assert found == [passage.id for passage in other.passages]
    said = batch_evidence(memory, ["What?"] * len(OTHER), found)
    assert len(set(said)) == len(OTHER)  # what is said follows z: the question is the same


def test_a_resumed_warm_run_is_the_uninterrupted_one(
    tiny_lm: LanguageModel, other: Corpus, weights: SharedWeights, warm: MemoryConfig, tmp_path: Path
) -> None:
    config = replace(warm, steps=6, batch=4, router_steps=10, eval_every=3, checkpoint_every=2)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    straight = run(tiny_lm, other, whole, config, start=weights)
    first: list[dict[str, Any]] = []
    work = train_memory(tiny_lm, other, broken, config, start=weights)
    for progress in work:
        if progress.data:
            first.append(dict(progress.data))
        if progress.stage == EVIDENCE_STAGE and progress.done == 3:
            work.close()
    assert first + run(tiny_lm, other, broken, config, resume=True, start=weights) == straight
    assert torch.equal(store.load_pool(whole).z, store.load_pool(broken).z)
    for ours, theirs in zip(store.load_parts(whole), store.load_parts(broken), strict=True):
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_run_is_not_resumed_from_another_start(
    tiny_lm: LanguageModel, other: Corpus, weights: SharedWeights, warm: MemoryConfig, tmp_path: Path
) -> None:
    config = replace(warm, steps=4, batch=4, router_steps=2)
    work = train_memory(tiny_lm, other, tmp_path, config, start=weights)
    for progress in work:
        if progress.stage == EVIDENCE_STAGE and progress.done == 2:
            work.close()
    with pytest.raises(ArtefactStale, match="another corpus, model or settings"):
        run(tiny_lm, other, tmp_path, config, resume=True)


@pytest.mark.parametrize("name", SHAPES)
def test_other_shapes_are_refused_by_name(
    name: str, tiny_lm: LanguageModel, other: Corpus, weights: SharedWeights, warm: MemoryConfig, tmp_path: Path
) -> None:
    config = replace(warm, **{name: getattr(warm, name) + 1})
    with pytest.raises(TesseraError, match=f"{name} is") as refusal:
        run(tiny_lm, other, tmp_path, config, start=weights)
    assert f"Set {name} to {getattr(warm, name)}" in str(refusal.value.remedy)


def test_another_number_of_vectors_is_no_obstacle(
    tiny_lm: LanguageModel, other: Corpus, weights: SharedWeights, warm: MemoryConfig, tmp_path: Path
) -> None:
    run(tiny_lm, other, tmp_path, replace(warm, m=warm.m + 3), start=weights)
    assert store.load_pool(tmp_path).z.shape[1] == warm.m + 3


def test_another_model_is_refused(other: Corpus, weights: SharedWeights, warm: MemoryConfig, tmp_path: Path) -> None:
    with pytest.raises(ArtefactStale, match="was trained on") as refusal:
        run(tiny_language_model(seed=5), other, tmp_path, warm, start=weights)
    assert "of this model" in str(refusal.value.remedy)


@pytest.mark.parametrize("name", ["steps", "router_steps"])
def test_nothing_and_no_step_make_no_memory(
    name: str, tiny_lm: LanguageModel, other: Corpus, small_config: MemoryConfig, tmp_path: Path
) -> None:
    with pytest.raises(TesseraError, match="starts from nothing"):
        run(tiny_lm, other, tmp_path, replace(small_config, **{name: 0}))


def test_a_training_over_the_same_documents_goes_on_from_their_z(fact_folder: Path, fact_corpus: Corpus) -> None:
    weights = SharedWeights.load(fact_folder)
    assert weights.holds(fact_corpus, FACT_CONFIG)
    assert not weights.holds(fact_corpus, replace(FACT_CONFIG, m=FACT_CONFIG.m + 1))
    edited = (Passage("d0", "", "The lamp is red."), *fact_corpus.passages[1:])
    assert not weights.holds(replace(fact_corpus, passages=edited), FACT_CONFIG)
    assert not replace(weights, card=replace(weights.card, learned=("d0",))).holds(fact_corpus, FACT_CONFIG)
