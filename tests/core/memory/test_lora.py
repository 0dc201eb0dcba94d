"""Adapters start without effect, train alone, and merge to what they were beside the weights."""

from __future__ import annotations

import copy

import torch

from core.memory import lora
from core.memory.evidence_trainer import RowAdam
from core.models.language_model import LanguageModel


def test_attached_adapters_change_nothing_until_trained(tiny_lm: LanguageModel) -> None:
    model = copy.deepcopy(tiny_lm.model)
    ids = torch.tensor([[3, 4, 5]])
    before = model(input_ids=ids).logits
    adapters = lora.attach(model, 2, seed=0)
    assert len(adapters) == 2 * 2 * 7
    assert torch.equal(model(input_ids=ids).logits, before)
    trained = {id(p) for p in adapters.values()}
    assert {id(p) for p in model.parameters() if p.requires_grad} == trained


def test_merged_adapters_say_the_same_as_attached_ones(tiny_lm: LanguageModel) -> None:
    model = copy.deepcopy(tiny_lm.model)
    adapters = lora.attach(model, 2, seed=0)
    with torch.no_grad():
        for name, parameter in adapters.items():
            if name.endswith(".b"):
                parameter.normal_(0, 0.1)
    ids = torch.tensor([[3, 4, 5, 6]])
    before = copy.deepcopy(tiny_lm.model.state_dict())
    merged = lora.applied(tiny_lm, adapters, "digest").model
    assert torch.allclose(merged(input_ids=ids).logits, model(input_ids=ids).logits, atol=1e-3)
    assert not torch.allclose(merged(input_ids=ids).logits, tiny_lm.model(input_ids=ids).logits, atol=1e-1)
    assert all(torch.equal(tensor, before[name]) for name, tensor in tiny_lm.model.state_dict().items())


def test_adapters_come_back_from_their_tensors(tiny_lm: LanguageModel) -> None:
    first = lora.attach(copy.deepcopy(tiny_lm.model), 2, seed=0)
    second = lora.attach(copy.deepcopy(tiny_lm.model), 2, seed=1)
    assert not all(torch.equal(first[name], second[name]) for name in first)
    lora.restore(second, first)
    assert all(torch.equal(first[name], second[name]) for name in first)


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
