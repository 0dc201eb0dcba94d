import pytest
import torch
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

from core.kvcache.compose import head_layers, join, passage_block

QUESTION = "Who drew the maps of the library?"


@pytest.fixture()
def segments(tiny_lm, tiny_corpus):
    return [tiny_lm.prompt.passage(passage) for passage in tiny_corpus.passages[3:7]]


@pytest.fixture()
def ids(tiny_lm, segments):
    return tiny_lm.prompt.head + [token for segment in segments for token in segment]


@pytest.fixture()
def joined(tiny_lm, segments):
    head = head_layers(tiny_lm)
    return lambda: join(tiny_lm, head, [passage_block(tiny_lm, head, segment) for segment in segments]).cache


def block_diagonal(lm, segments, ids):
    """Hidden states behind a mask that lets every passage see the head and itself alone, counting from the head.

    Keys are computed from them for the place where each passage stands, without any moving of keys.
    """
    mask = torch.ones(len(ids), len(ids), dtype=torch.bool).tril()
    positions = torch.arange(len(ids))
    head = start = len(lm.prompt.head)
    for segment in segments:
        mask[start : start + len(segment), head:start] = False
        positions[start : start + len(segment)] = torch.arange(head, head + len(segment))
        start += len(segment)
    decoder, pairs = lm.model.model, []
    with torch.inference_mode():
        output = lm.model(
            input_ids=torch.tensor([ids]),
            attention_mask=mask[None, None],
            position_ids=positions[None],
            use_cache=True,
            output_hidden_states=True,
        )
        turn = decoder.rotary_emb(output.hidden_states[0], torch.arange(len(ids))[None])
        for layer, hidden, kept in zip(
            decoder.layers, output.hidden_states, output.past_key_values.layers, strict=False
        ):
            keys = layer.self_attn.k_proj(layer.input_layernorm(hidden)).view(1, len(ids), 2, -1).transpose(1, 2)
            pairs.append((apply_rotary_pos_emb(keys, keys, *turn)[1], kept.values))
    return pairs


def logits(lm, cache):
    session = lm.session(cache)
    session.prefill(lm.prompt.tail(QUESTION))
    return session


def full(lm, ids):
    session = lm.session()
    session.prefill(ids + lm.prompt.tail(QUESTION))
    return session


def test_joined_blocks_are_a_block_diagonal_prefill(tiny_lm, joined, segments, ids):
    for ours, (keys, values) in zip(joined().layers, block_diagonal(tiny_lm, segments, ids), strict=True):
        torch.testing.assert_close(ours.keys, keys, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(ours.values, values, atol=1e-4, rtol=1e-4)


def test_joined_blocks_are_not_the_prefill(tiny_lm, joined, ids):
    # Otherwise the tests of what joining computes would prove nothing.
    assert (full(tiny_lm, ids).logits - logits(tiny_lm, joined()).logits).abs().max() > 1e-3


def test_a_single_block_needs_no_move_and_is_the_prefill(tiny_lm, segments):
    head = head_layers(tiny_lm)
    alone = logits(tiny_lm, join(tiny_lm, head, [passage_block(tiny_lm, head, segments[0])]).cache)
    torch.testing.assert_close(alone.logits, full(tiny_lm, tiny_lm.prompt.head + segments[0]).logits, atol=1e-4, rtol=0)


def test_blocks_stay_as_they_were(tiny_lm, segments):
    head = head_layers(tiny_lm)
    blocks = [passage_block(tiny_lm, head, segment) for segment in segments]
    before = [keys.clone() for keys, _ in blocks[1]]
    logits(tiny_lm, join(tiny_lm, head, blocks).cache)
    assert all(torch.equal(keys, same) for (keys, _), same in zip(blocks[1], before, strict=True))
