"""QLoRA: a memory is trained on, and read by, a base model of four bits."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from core.corpus.types import Corpus
from core.memory import lora
from core.memory.config import MemoryConfig
from core.memory.model import Memory
from core.memory.training import train_memory
from core.memory.z_reader import ZReader
from core.models.language_model import LanguageModel
from core.models.variant import ModelVariant
from core.settings import Settings
from tests.models import tiny_language_model

bitsandbytes = pytest.importorskip("bitsandbytes")


@pytest.fixture(scope="module")
def four_bits(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    """The tiny model, saved and loaded again in NF4."""
    folder = tmp_path_factory.mktemp("tiny")
    plain = tiny_language_model()
    plain.model.save_pretrained(folder)
    plain.tokenizer.save_pretrained(folder)
    settings = Settings(model=str(folder), dtype="nf4", device="cpu")
    return LanguageModel.load(ModelVariant.of(settings), settings)


def test_a_gradient_passes_through_four_bits(four_bits: LanguageModel) -> None:
    model = copy.deepcopy(four_bits.model).eval()
    layer = model.model.layers[0].mlp.up_proj
    x = torch.randn(3, layer.in_features, dtype=torch.bfloat16)
    with torch.no_grad():
        layer(x)  # what an answer does before a document is learned
    lora.attach(model, 4, seed=0)
    adapted, given = model.model.layers[0].mlp.up_proj, x.clone().requires_grad_()
    with lora.gradient_pass(model):
        adapted(given).float().sum().backward()
    weight = adapted.base_layer.weight
    dense = bitsandbytes.functional.dequantize_4bit(weight.data, weight.quant_state).float()
    torch.testing.assert_close(given.grad.float(), dense.sum(0).expand(3, -1), atol=0.05, rtol=0.05)


def test_z_and_lora_learn_beside_weights_that_stay(
    four_bits: LanguageModel, fact_corpus: Corpus, small_config: MemoryConfig, tmp_path: Path
) -> None:
    assert lora.is_quantised(four_bits.model)
    config = replace(small_config, m=4, z_dim=32, lora_r=8, steps=30, batch=8, lr_z=3e-2, lr_lora=1e-2, wrong=0.0)
    before = {name: tensor.clone() for name, tensor in four_bits.model.state_dict().items()}
    losses = [
        progress.data["read_loss"]
        for progress in train_memory(four_bits, fact_corpus, tmp_path, config)
        if "read_loss" in progress.data
    ]
    assert sum(losses[-3:]) < 0.8 * sum(losses[:3])
    assert all(torch.equal(before[name], tensor) for name, tensor in four_bits.model.state_dict().items())
    memory = Memory.load(tmp_path, four_bits)
    best = memory.route("blue glass lamp").documents[0].passage_id
    assert ZReader(memory).evidence("What?", [best]) == ZReader(memory).evidence("What?", [best])
    plain, adapted = four_bits.model, memory.lm.model
    ids = torch.tensor([[5, 6, 7, 8]])
    assert not torch.equal(plain(ids).logits, adapted(ids).logits)
