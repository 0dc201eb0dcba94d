import pytest
import torch

from core.kvcache.compose import read_as_blocks
from core.reader.batches import Tokens, answer_logits, answer_loss, micro_batches
from tests.models import tiny_language_model

TURNS = (([11, 12, 13, 14], [15, 16, 17]), ([18, 19], [20, 21]))
LENGTHS = (9, 30, 1, 17, 24)


def segments(count):
    draw = torch.Generator().manual_seed(count)
    return [torch.randint(22, 390, (length,), generator=draw).tolist() for length in LENGTHS[:count]]


def example(lm, passages, blocks):
    context = [*lm.prompt.head, *(token for passage in passages for token in passage)]
    return Tokens(context, TURNS, tuple(map(len, passages)) if blocks else ())


def answering(lm, passages, blocks):
    """Logits before every answer token, as a session computes them: from joined blocks, or from the full prompt."""
    rows = []
    for tail, answer in TURNS:
        session = read_as_blocks(lm, passages) if blocks else lm.session()
        fed = tail if blocks else [*lm.prompt.head, *(token for passage in passages for token in passage), *tail]
        for part in (fed, *([token] for token in answer[:-1])):
            session.prefill(part)
            rows.append(session.logits)
    return torch.stack(rows)


@pytest.mark.parametrize("short_pass", [True, False])
@pytest.mark.parametrize("blocks", [True, False])
@pytest.mark.parametrize("count", [1, 3, 5])
def test_training_computes_what_answering_computes(tiny_lm, monkeypatch, count, blocks, short_pass):
    if not short_pass:
        monkeypatch.setattr(tiny_lm, "decoder", lambda: None)
    passages = segments(count)
    # Examples of blocks are alone; full ones share a batch, and with it the padding.
    beside = [] if blocks else [example(tiny_lm, segments(2), False)]
    with torch.inference_mode():
        logits, labels = answer_logits(tiny_lm.model, [*beside, example(tiny_lm, passages, blocks)], 1)
    wanted = [token for _, answer in TURNS for token in answer]
    assert labels.tolist() == wanted * (1 + len(beside))
    assert (logits[-len(wanted) :] - answering(tiny_lm, passages, blocks)).abs().max() < 1e-3


def test_gradients_flow_through_the_moved_keys():
    lm = tiny_language_model()
    batch = [example(lm, segments(3), True)]
    key = lm.model.model.layers[0].self_attn.k_proj.weight
    before = answer_loss(lm.model, batch, 1)
    (gradient,) = torch.autograd.grad(before, [key])
    with torch.no_grad():
        key -= 1e-3 * gradient / gradient.norm()
    assert gradient.abs().max() > 0 and answer_loss(lm.model, batch, 1) < before


def test_examples_of_blocks_are_read_one_by_one(tiny_lm):
    blocks, full = example(tiny_lm, segments(3), True), example(tiny_lm, segments(2), False)
    assert sorted(map(len, micro_batches([blocks, full, blocks, full], 10_000))) == [1, 1, 2]


def test_block_attention_is_not_full_attention(tiny_lm):
    passages = segments(3)
    assert (answering(tiny_lm, passages, True) - answering(tiny_lm, passages, False)).abs().max() > 0.1
