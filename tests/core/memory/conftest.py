"""A tiny trained memory: four documents that answer the same question, so that z alone can tell them apart."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from core.corpus.types import Corpus, Passage, Question
from core.memory.config import MemoryConfig
from core.memory.model import Memory
from core.memory.training import train_memory
from core.models.language_model import LanguageModel

FACTS = ("The lamp is blue glass.", "A canal of winter.", "Tower on the hill.", "Keepers carry lamps.")
FACT_CONFIG = MemoryConfig(
    m=4,
    z_dim=32,
    lora_r=16,
    steps=120,
    batch=8,
    lr_z=3e-2,
    lr_lora=1e-2,
    study=0.0,
    recite=0.0,
    counterfactual=0.0,
    wrong=0.0,
    eval_every=1000,
    checkpoint_every=1000,
    evidence_tokens=32,
    router_steps=20,
    router_dim=32,
    router_layer=1,
)


@pytest.fixture(scope="session")
def fact_corpus() -> Corpus:
    """One sentence a document; every question reads the same."""
    passages = tuple(Passage(f"d{i}", "", text) for i, text in enumerate(FACTS))
    questions = tuple(
        Question(f"q{i}", "What?", (text.rstrip("."),), (f"d{i}",), (text,)) for i, text in enumerate(FACTS)
    )
    return Corpus("facts", passages, {"train": questions, "dev": questions[:2]})


@pytest.fixture(scope="session")
def small_config() -> MemoryConfig:
    """A few steps of everything."""
    return MemoryConfig(
        m=2,
        z_dim=16,
        lora_r=2,
        steps=12,
        batch=4,
        eval_every=6,
        checkpoint_every=5,
        eval_questions=2,
        evidence_tokens=12,
        router_steps=10,
        router_dim=16,
        router_layer=1,
    )


@pytest.fixture(scope="session")
def fact_folder(tiny_lm: LanguageModel, fact_corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A memory that has learned the four facts."""
    folder = tmp_path_factory.mktemp("memory")
    for _ in train_memory(tiny_lm, fact_corpus, folder, FACT_CONFIG):
        pass
    return folder


@pytest.fixture
def fact_memory(fact_folder: Path, tiny_lm: LanguageModel) -> Memory:
    """That memory, opened afresh."""
    return Memory.load(fact_folder, tiny_lm)


def queries(memory: Memory) -> torch.Tensor:
    """Random queries of its router, [64, dim], always the same."""
    return torch.randn(64, memory.card.config.router_dim, generator=torch.Generator().manual_seed(0))


def matches(memory: Memory) -> torch.Tensor:
    """How well these match each document, [64, N]: what its keys are, seen from outside."""
    with torch.inference_mode():
        return memory.index.keys.best(queries(memory))
