"""The batched loss and the batched decoding say what one sequence alone would."""

from __future__ import annotations

import pytest
import torch
from transformers import DynamicCache

from core.memory.lora import gradient_pass
from core.memory.prompt import ZPrompt
from core.memory.soft_prompt import crossed, evidence_losses, greedy
from core.models.kv_buffer import new_buffer
from core.models.language_model import LanguageModel


@pytest.fixture
def soft() -> torch.Tensor:
    return torch.randn(3, 4, 64, generator=torch.Generator().manual_seed(1)) * 0.2


TAILS = [[5, 6, 7], [8, 9, 10, 11, 12, 13], [20]]
TARGETS = [[30, 31], [32], [33, 34, 35, 36]]
TURNS = [[pair] for pair in zip(TAILS, TARGETS, strict=True)]
"""One question to each z."""


@pytest.mark.parametrize("cross", [False, True])
def test_padding_changes_no_loss(tiny_lm: LanguageModel, soft: torch.Tensor, cross: bool) -> None:
    together = evidence_losses(tiny_lm.model, [1, 2], soft, TURNS, cross)
    for row in range(3):
        (alone,) = evidence_losses(tiny_lm.model, [1, 2], soft[row : row + 1], [TURNS[row]], cross)
        assert torch.allclose(together[row], alone, atol=1e-4)


def test_the_loss_is_that_of_the_whole_sequence(tiny_lm: LanguageModel, soft: torch.Tensor) -> None:
    (ours,) = evidence_losses(tiny_lm.model, [1, 2], soft[:1], TURNS[:1])
    embed = tiny_lm.model.get_input_embeddings()
    text = torch.tensor([*TAILS[0], *TARGETS[0]])
    inputs = torch.cat([embed(torch.tensor([1, 2])), soft[0], embed(text)])[None]
    logits = tiny_lm.model(inputs_embeds=inputs).logits[0]
    expected = -logits.log_softmax(-1)[-3:-1].gather(1, torch.tensor(TARGETS[0])[:, None])[:, 0]
    assert torch.allclose(ours, expected, atol=1e-4)


def test_crossing_is_a_soft_prompt_to_the_first_layer_and_to_no_other(
    tiny_lm: LanguageModel, soft: torch.Tensor
) -> None:
    """A soft prompt's keys and values of the first layer are made of the soft tokens themselves as well."""
    prompt, cache = DynamicCache(), crossed(tiny_lm.model, [1, 2], soft)
    opening = tiny_lm.model.get_input_embeddings()(torch.tensor([1, 2])).expand(3, -1, -1)
    tiny_lm.model.base_model(inputs_embeds=torch.cat([opening, soft], 1), past_key_values=prompt, use_cache=True)
    layers = list(zip(cache.layers, prompt.layers, strict=True))
    assert [torch.allclose(ours.keys, theirs.keys, atol=1e-5) for ours, theirs in layers] == [
        True,
        *[False] * (len(layers) - 1),
    ]
    assert all(torch.allclose(ours.keys[:, :, :2], theirs.keys[:, :, :2], atol=1e-5) for ours, theirs in layers)


def test_crossed_soft_tokens_learn(tiny_lm: LanguageModel, soft: torch.Tensor) -> None:
    leaf = soft.clone().requires_grad_()
    with gradient_pass(tiny_lm.model):
        torch.cat(evidence_losses(tiny_lm.model, [1, 2], leaf, TURNS, cross=True)).sum().backward()
    assert leaf.grad is not None and bool((leaf.grad.abs().sum(-1) > 0).all())


def test_a_crossed_batch_decodes_what_each_sequence_would(tiny_lm: LanguageModel, soft: torch.Tensor) -> None:
    generated = greedy(tiny_lm.model, [1, 2], soft, TAILS, 8, tiny_lm.stop_ids, cross=True)
    for row, tail in enumerate(TAILS):
        with torch.inference_mode():
            cache = crossed(tiny_lm.model, [1, 2], soft[row : row + 1])
        session = tiny_lm.session(new_buffer(len(cache.layers), [(layer.keys, layer.values) for layer in cache.layers]))
        session.prefill(tail)
        assert generated[row] == list(session.decode(8))


def test_questions_that_share_a_z_lose_what_they_lose_alone(tiny_lm: LanguageModel, soft: torch.Tensor) -> None:
    turns = [[(TAILS[0], TARGETS[0]), (TAILS[1], TARGETS[1])], [(TAILS[2], TARGETS[2])]]
    with gradient_pass(tiny_lm.model):
        together = evidence_losses(tiny_lm.model, [1, 2], soft[:2], turns)
        alone = evidence_losses(tiny_lm.model, [1, 2], soft[[0, 0, 1]], TURNS)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(together, alone, strict=True))


def test_the_gradient_of_a_shared_z_is_the_sum(tiny_lm: LanguageModel, soft: torch.Tensor) -> None:
    def gradient(turns: list[list[tuple[list[int], list[int]]]], shown: torch.Tensor) -> torch.Tensor:
        leaf = soft[:1].clone().requires_grad_()
        with gradient_pass(tiny_lm.model):
            torch.cat(evidence_losses(tiny_lm.model, [1, 2], leaf[shown], turns)).sum().backward()
        assert leaf.grad is not None
        return leaf.grad

    pairs = list(zip(TAILS, TARGETS, strict=True))
    together = gradient([pairs], torch.tensor([0]))
    apart = gradient([[pair] for pair in pairs], torch.tensor([0, 0, 0]))
    assert torch.allclose(together, apart, atol=1e-5)


def test_plain_attention_is_undone(tiny_lm: LanguageModel, soft: torch.Tensor) -> None:
    before = tiny_lm.model.config._attn_implementation
    fused = evidence_losses(tiny_lm.model, [1, 2], soft, TURNS)
    with gradient_pass(tiny_lm.model):
        plain = evidence_losses(tiny_lm.model, [1, 2], soft, TURNS)
    assert tiny_lm.model.config._attn_implementation == before
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(fused, plain, strict=True))


def test_a_batch_decodes_what_each_sequence_would(tiny_lm: LanguageModel, soft: torch.Tensor) -> None:
    generated = greedy(tiny_lm.model, [1, 2], soft, TAILS, 8, tiny_lm.stop_ids)
    embed = tiny_lm.model.get_input_embeddings()
    for row, tail in enumerate(TAILS):
        session = tiny_lm.session()
        with torch.inference_mode():
            session.prefill_embeddings(torch.cat([embed(torch.tensor([1, 2])), soft[row], embed(torch.tensor(tail))]))
        assert generated[row] == list(session.decode(8))


def test_evidence_that_is_cut_has_no_end(tiny_lm: LanguageModel) -> None:
    frame = ZPrompt(tiny_lm.tokenizer, end=1)
    assert frame.target("glass", 50)[-1] == 1
    cut = frame.target("a very long piece of evidence", 5)
    assert len(cut) == 5
    assert cut[-1] != 1
