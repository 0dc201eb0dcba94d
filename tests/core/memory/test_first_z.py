"""A first z that workers have computed makes the memory that one machine makes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.corpus.types import Corpus
from core.errors import ModelError
from core.jobs import finish
from core.memory import store
from core.memory.first_z import document_shards, first_z_shard
from core.memory.model import Memory
from core.memory.shared_weights import SharedWeights
from core.memory.training import train_memory
from core.models.language_model import LanguageModel
from core.settings import Settings
from core.workers import InProcess, compute_arrays
from tests.encoder import TinyEncoder
from tests.models import TinyModels, tiny_language_model


def test_the_memory_is_the_same_whoever_computed_the_first_z(
    tiny_lm: LanguageModel, tiny_corpus: Corpus, fact_memory: Memory, fact_folder: Path, tmp_path: Path
) -> None:
    config = replace(fact_memory.card.config, steps=0, router_steps=0)
    start = SharedWeights.load(fact_folder)
    models = TinyModels(Settings(), tiny_lm, TinyEncoder())
    passages = tuple(replace(p, id=f"{p.id}-{n}") for n in range(7) for p in tiny_corpus.passages)
    corpus = Corpus("many", passages, tiny_corpus.questions)
    shards = document_shards(tiny_lm, passages, config)
    assert len(shards) > 1
    first = torch.from_numpy(np.concatenate(finish(compute_arrays(InProcess(models), first_z_shard, shards))))
    for folder, given in (("one", None), ("many", first)):
        for _ in train_memory(tiny_lm, corpus, tmp_path / folder, config, start=start, first=given):
            pass
    for name in (store.LORA, store.PARTS, store.POOL):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "many" / name).read_bytes()


def test_another_model_is_refused(tiny_lm: LanguageModel, tiny_corpus: Corpus, fact_memory: Memory) -> None:
    other = TinyModels(Settings(), tiny_language_model(seed=1), TinyEncoder())
    (shard, *_) = document_shards(tiny_lm, tiny_corpus.passages, fact_memory.card.config)
    with pytest.raises(ModelError, match="another model"):
        first_z_shard(other, shard)
