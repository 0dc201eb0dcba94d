import pytest
import torch
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

from core.kvcache.compose import head_layers, join, passage_block
from core.kvcache.link import divergence, link, link_positions

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


def linked(lm, joined, ids, segments, count):
    cache = joined()
    list(link(lm, cache, ids, link_positions(len(lm.prompt.head), [len(s) for s in segments], count)))
    return cache


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


def test_independent_blocks_are_not_the_prefill(tiny_lm, joined, ids):
    # Otherwise linking everything would prove nothing.
    assert divergence(full(tiny_lm, ids).logits, logits(tiny_lm, joined()).logits) > 1e-3


def test_linking_everything_is_the_prefill(tiny_lm, joined, segments, ids):
    whole, ours = full(tiny_lm, ids), logits(tiny_lm, linked(tiny_lm, joined, ids, segments, 10**6))
    torch.testing.assert_close(ours.logits, whole.logits, atol=1e-4, rtol=0)
    assert list(ours.decode(12)) == list(whole.decode(12))
    assert divergence(whole.logits, ours.logits) < 1e-6


def test_linking_nothing_changes_nothing(tiny_lm, joined, segments, ids):
    for before, after in zip(joined().layers, linked(tiny_lm, joined, ids, segments, 0).layers, strict=True):
        assert torch.equal(before.keys, after.keys)


def test_linking_in_chunks_equals_linking_at_once(tiny_lm, joined, segments, ids, monkeypatch):
    at_once = linked(tiny_lm, joined, ids, segments, 9)
    monkeypatch.setattr("core.kvcache.link.CHUNK_TOKENS", 4)
    for one, other in zip(at_once.layers, linked(tiny_lm, joined, ids, segments, 9).layers, strict=True):
        torch.testing.assert_close(one.keys, other.keys, atol=1e-5, rtol=1e-5)


def test_the_short_pass_links_as_transformers_does(tiny_lm, joined, segments, ids, monkeypatch):
    ours = linked(tiny_lm, joined, ids, segments, 3)
    monkeypatch.setattr(type(tiny_lm), "decoder", lambda lm: None)
    for one, other in zip(ours.layers, linked(tiny_lm, joined, ids, segments, 3).layers, strict=True):
        torch.testing.assert_close(one.keys, other.keys, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(one.values, other.values, atol=1e-5, rtol=1e-5)


def test_linked_tokens_alone_are_replaced(tiny_lm, joined, segments, ids):
    places = link_positions(len(tiny_lm.prompt.head), [len(s) for s in segments], 3)
    before, after = joined().layers[1], linked(tiny_lm, joined, ids, segments, 3).layers[1]
    changed = (before.values != after.values).any(dim=-1).any(dim=1)[0].nonzero().flatten().tolist()
    assert changed == places


def test_the_first_block_has_nothing_to_be_linked_to():
    assert link_positions(10, [4, 3, 5], 2) == [14, 15, 17, 18]
    assert link_positions(10, [4, 3, 5], 99) == [14, 15, 16, 17, 18, 19, 20, 21]
    assert link_positions(10, [4], 4) == []


def test_a_single_block_needs_no_move_and_is_the_prefill(tiny_lm, segments):
    head = head_layers(tiny_lm)
    alone = logits(tiny_lm, join(tiny_lm, head, [passage_block(tiny_lm, head, segments[0])]).cache)
    torch.testing.assert_close(alone.logits, full(tiny_lm, tiny_lm.prompt.head + segments[0]).logits, atol=1e-4, rtol=0)


def test_blocks_stay_as_they_were(tiny_lm, segments):
    head = head_layers(tiny_lm)
    block = passage_block(tiny_lm, head, segments[0])
    before = block[1][0].clone()
    cache = join(tiny_lm, head, [block]).cache
    list(
        link(tiny_lm, cache, tiny_lm.prompt.head + segments[0], range(len(tiny_lm.prompt.head), cache.get_seq_length()))
    )
    assert torch.equal(block[1][0], before)


def test_divergence_is_zero_for_equals_and_grows():
    one = torch.tensor([1.0, 2.0, 3.0])
    assert divergence(one, one) == 0
    assert divergence(one, torch.tensor([3.0, 2.0, 1.0])) > divergence(one, torch.tensor([1.0, 2.5, 3.0])) > 0
