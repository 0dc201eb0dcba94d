"""The short forward pass computes what transformers computes, and knows when it must not be used."""

import pytest
import torch
from torch import nn
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

from core.models import llama_decoder
from core.models.kv_buffer import new_buffer
from core.models.language_model import LanguageModel
from core.models.llama_decoder import decoder_for
from core.models.variant import ModelVariant
from core.settings import Settings
from tests.models import tiny_language_model


def by_transformers(lm, session):
    session._decoder = None
    return session


def fed(session, ids, **options):
    session.prefill(ids, **options)
    return session


@pytest.mark.parametrize("chunk", [512, 16, 1])
def test_logits_keys_and_values_are_those_of_transformers(tiny_lm, tiny_corpus, chunk):
    ids = tiny_lm.prompt.context(tiny_corpus.passages[:2])
    ours, theirs = fed(tiny_lm.session(), ids, chunk=chunk), fed(by_transformers(tiny_lm, tiny_lm.session()), ids)
    assert ours._decoder is not None
    torch.testing.assert_close(ours.logits, theirs.logits, atol=1e-4, rtol=0)
    for mine, other in zip(ours.cache.layers, theirs.cache.layers, strict=True):
        torch.testing.assert_close(mine.keys, other.keys, atol=1e-4, rtol=0)
        torch.testing.assert_close(mine.values, other.values, atol=1e-4, rtol=0)
    assert list(ours.decode(12)) == list(theirs.decode(12))


def test_it_continues_any_cache(tiny_lm):
    head, tail = tiny_lm.prompt.head, tiny_lm.prompt.tail("Who built the lighthouse?")
    wanted = fed(tiny_lm.session(), head + tail).logits
    for cache in (DynamicCache(), new_buffer(2)):
        session = fed(by_transformers(tiny_lm, tiny_lm.session(cache)), head)
        again = fed(tiny_lm.session(session.cache), tail)
        torch.testing.assert_close(again.logits, wanted, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    "changes",
    [
        {"num_key_value_heads": 4},
        {"num_key_value_heads": 1},
        {"head_dim": 24},
        {"tie_word_embeddings": True},
        {"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 1e4}},
    ],
    ids=["all heads", "one key head", "other head size", "tied", "scaled positions"],
)
def test_shapes_of_real_llamas(tiny_lm, changes):
    config = LlamaConfig.from_dict({**tiny_lm.model.config.to_dict(), **changes})
    with torch.random.fork_rng():
        torch.manual_seed(3)
        lm = LanguageModel(LlamaForCausalLM(config), tiny_lm.tokenizer, tiny_lm.identity)
    ids = lm.prompt.head
    ours, theirs = fed(lm.session(), ids), fed(by_transformers(lm, lm.session()), ids)
    assert ours._decoder is not None
    torch.testing.assert_close(ours.logits, theirs.logits, atol=1e-4, rtol=0)


def test_bfloat16_differs_by_rounding_alone():
    lm = tiny_language_model()
    lm.model.to(torch.bfloat16)
    ids = lm.prompt.head
    ours, theirs = fed(lm.session(), ids), fed(by_transformers(lm, lm.session()), ids)
    exact = fed(tiny_language_model().session(), ids).logits
    off = (theirs.logits.float() - exact).abs().max()
    assert (ours.logits.float() - exact).abs().max() < 2 * off


def test_changed_weights_are_seen():
    lm = tiny_language_model()
    before = fed(lm.session(), lm.prompt.head).logits
    with torch.no_grad():
        lm.model.model.layers[0].mlp.down_proj.weight.mul_(-1)
    ours, theirs = fed(lm.session(), lm.prompt.head), fed(by_transformers(lm, lm.session()), lm.prompt.head)
    assert (ours.logits - before).abs().max() > 1e-2
    torch.testing.assert_close(ours.logits, theirs.logits, atol=1e-4, rtol=0)


class Doubled(nn.Module):
    def __init__(self, base):
        super().__init__()
        self.base = base

    def forward(self, x):
        return 2 * self.base(x)


def test_wrapped_layers_are_left_to_transformers():
    lm = tiny_language_model()
    before = fed(lm.session(), lm.prompt.head).logits
    layer = lm.model.model.layers[0].mlp
    layer.down_proj = Doubled(layer.down_proj)
    session = fed(lm.session(), lm.prompt.head)
    assert session._decoder is None
    assert (session.logits - before).abs().max() > 1e-2


def test_other_activations_and_biases_are_left_to_transformers(tiny_lm):
    for changes in ({"hidden_act": "gelu"}, {"attention_bias": True}):
        config = LlamaConfig.from_dict({**tiny_lm.model.config.to_dict(), **changes})
        assert decoder_for(LlamaForCausalLM(config)) is None


@pytest.mark.real
def test_the_default_model_answers_alike():
    settings = Settings(dtype="float32", reader=False)
    lm = LanguageModel.load(ModelVariant.of(settings), settings)
    ids = lm.prompt.head + lm.prompt.tail("Who invented the Fresnel lens, and for what?")
    ours, theirs = fed(lm.session(), ids), fed(by_transformers(lm, lm.session()), ids)
    assert (ours.logits - theirs.logits).abs().max() <= 1e-4
    assert list(ours.decode(16)) == list(theirs.decode(16))


def test_prompts_of_many_lengths_ask_for_few_shapes(tiny_lm, monkeypatch):
    """For every new shape libraries generate code that stays in memory."""
    if not tiny_lm.decoder().packed:
        pytest.skip("no reordered weights on this machine")
    shapes, attend = set(), torch.nn.functional.scaled_dot_product_attention

    def recorded(q, k, v, **options):
        shapes.add((q.shape[-2], k.shape[-2]))
        return attend(q, k, v, **options)

    monkeypatch.setattr("core.models.llama_decoder.F.scaled_dot_product_attention", recorded)
    for length in range(33, 65):
        fed(tiny_lm.session(), [5] * length)
    assert len(shapes) == 32 // llama_decoder._ROWS
