"""Each passage is read as it would be alone, from stored blocks as from text, and the best answer is chosen."""

import pytest
import torch

from core.errors import ModelError
from core.kvcache.compose import head_layers, passage_block
from core.models.kv_buffer import new_buffer
from core.models.prompt import NOT_FOUND
from core.models.side_by_side import RANK_PRICE, SideBySide

QUESTION = "Who built the lighthouse?"


@pytest.fixture(params=["ours", "transformers"])
def lm(request, tiny_lm, monkeypatch):
    if request.param == "transformers":
        monkeypatch.setattr(tiny_lm, "decoder", lambda: None)
    return tiny_lm


def passages(lm, corpus, count=3):
    return [lm.prompt.passage(passage) for passage in corpus.passages[:count]]


def filled(lm, ids):
    side = SideBySide(lm, ids)
    assert list(side.prefill_steps())[-1] == side.length
    return side


def stored(lm, ids):
    head = head_layers(lm)
    blocks = [passage_block(lm, head, passage) for passage in ids]
    side = SideBySide(lm, ids, new_buffer(len(head), head, *blocks))
    assert side.missing == 0 and list(side.prefill_steps()) == []
    return side


def read_alone(lm, ids, question):
    session = lm.session()
    session.prefill([*lm.prompt.head, *ids, *lm.prompt.tail(question)])
    return session


def all_logits(monkeypatch, side, tail):
    seen = []
    choose = SideBySide._best
    monkeypatch.setattr(SideBySide, "_best", lambda self, logits: seen.append(logits) or choose(self, logits))
    session = side.ask(tail)
    return session, seen[0]


@pytest.mark.parametrize("opened", [filled, stored, SideBySide], ids=["from text", "from blocks", "still missing"])
def test_every_reading_is_that_of_a_prompt_with_one_passage(lm, tiny_corpus, opened, monkeypatch):
    ids, tail = passages(lm, tiny_corpus), lm.prompt.tail(QUESTION)
    session, logits = all_logits(monkeypatch, opened(lm, ids), tail)
    alone = [read_alone(lm, passage, QUESTION) for passage in ids]
    for row, expected in zip(logits, alone, strict=True):
        torch.testing.assert_close(row, expected.logits, atol=1e-4, rtol=0)
    likely = [float(expected.logits.log_softmax(0).max()) - RANK_PRICE * n for n, expected in enumerate(alone)]
    best = alone[likely.index(max(likely))]
    assert session.length == best.length
    for mine, other in zip(session.cache.layers, best.cache.layers, strict=True):
        torch.testing.assert_close(mine.keys, other.keys, atol=1e-4, rtol=0)
        torch.testing.assert_close(mine.values, other.values, atol=1e-4, rtol=0)
    assert list(session.decode(8)) == list(best.decode(8))


def test_a_long_context_is_prefilled_in_chunks(lm, tiny_corpus, monkeypatch):
    ids, tail = passages(lm, tiny_corpus), lm.prompt.tail(QUESTION)
    _, whole = all_logits(monkeypatch, filled(lm, ids), tail)
    monkeypatch.setattr("core.models.side_by_side.CHUNK_TOKENS", 7)
    side = SideBySide(lm, ids)
    assert len(list(side.prefill_steps())) == -(-side.length // 7)
    _, chunked = all_logits(monkeypatch, side, tail)
    torch.testing.assert_close(chunked, whole, atol=1e-4, rtol=0)


def chosen(lm, corpus, monkeypatch, *first):
    """The passage that is chosen when the readings begin with these tokens, each with its log-probability."""
    ids = passages(lm, corpus, len(first))
    side = filled(lm, ids)
    size = lm.model.config.vocab_size
    logits = torch.empty((len(first), size))
    for row, (token, likely) in enumerate(first):
        logits[row] = torch.log((1 - torch.tensor(likely).exp()) / (size - 1))
        logits[row, token] = likely
    monkeypatch.setattr(side, "_append", lambda *_: logits)
    monkeypatch.setattr(side, "_alone", lambda *_: new_buffer(lm.model.config.num_hidden_layers))
    side.ask(lm.prompt.tail(QUESTION))
    return side.chosen


def test_the_likeliest_answer_is_chosen_and_rank_has_its_price(tiny_lm, tiny_corpus, monkeypatch):
    declines = tiny_lm.prompt.encode(NOT_FOUND)[0]
    word = declines + 5
    likely, unlikely = -0.1, -0.1 - 1.5 * RANK_PRICE
    assert chosen(tiny_lm, tiny_corpus, monkeypatch, (word, unlikely), (word, likely)) == 1
    assert chosen(tiny_lm, tiny_corpus, monkeypatch, (word, -0.1 - 0.5 * RANK_PRICE), (word, likely)) == 0
    assert chosen(tiny_lm, tiny_corpus, monkeypatch, (declines, likely), (word, unlikely)) == 1
    assert chosen(tiny_lm, tiny_corpus, monkeypatch, (declines, unlikely), (declines, likely)) == 0


def test_a_reading_longer_than_the_context_is_refused(tiny_lm, tiny_corpus):
    side = SideBySide(tiny_lm, passages(tiny_lm, tiny_corpus))
    with pytest.raises(ModelError, match="the model takes"):
        side.ask([1] * tiny_lm.max_context)
