"""Adapters start without effect, train alone, and merge to what they were beside the weights."""

from __future__ import annotations

import copy

import torch

from core.memory import lora
from core.memory.row_adam import RowAdam
from core.models.language_model import LanguageModel


def test_attached_adapters_change_nothing_until_trained(tiny_lm: LanguageModel) -> None:
    model = copy.deepcopy(tiny_lm.model)
    ids = torch.tensor([[3, 4, 5]])
    before = model(input_ids=ids).logits
    layers = lora.attach(model, 2, seed=0)
    assert len(layers) == 2 * 7
    assert torch.equal(model(input_ids=ids).logits, before)
    trained = {id(p) for layer in layers.values() for p in (layer.a, layer.b)}
    assert {id(p) for p in model.parameters() if p.requires_grad} == trained


def test_merged_adapters_say_the_same_as_attached_ones(tiny_lm: LanguageModel) -> None:
    model = copy.deepcopy(tiny_lm.model)
    layers = lora.attach(model, 2, seed=0)
    with torch.no_grad():
        for layer in layers.values():
            layer.b.normal_(0, 0.1)
    ids = torch.tensor([[3, 4, 5, 6]])
    merged = copy.deepcopy(tiny_lm.model)
    lora.merge(merged, lora.state(layers))
    assert torch.allclose(merged(input_ids=ids).logits, model(input_ids=ids).logits, atol=1e-3)
    assert not torch.allclose(merged(input_ids=ids).logits, tiny_lm.model(input_ids=ids).logits, atol=1e-1)


def test_adapters_come_back_from_their_tensors(tiny_lm: LanguageModel) -> None:
    first = lora.attach(copy.deepcopy(tiny_lm.model), 2, seed=0)
    second = lora.attach(copy.deepcopy(tiny_lm.model), 2, seed=1)
    lora.restore(second, lora.state(first))
    assert all(torch.equal(a, b) for a, b in zip(lora.state(first).values(), lora.state(second).values(), strict=True))


def test_row_adam_is_adam_on_the_rows_it_is_given() -> None:
    table = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    reference = table[:2].clone().requires_grad_()
    untouched = table[2:].clone()
    ours = RowAdam(table)
    theirs = torch.optim.Adam([reference], lr=0.1, betas=(0.9, 0.99))
    for step in range(5):
        gradient = torch.full((2, 3), 0.3) * (step - 2)
        ours.update(torch.tensor([0, 1]), gradient, 0.1)
        reference.grad = gradient.clone()
        theirs.step()
    assert torch.allclose(table[:2], reference.detach(), atol=1e-6)
    assert torch.equal(table[2:], untouched)
