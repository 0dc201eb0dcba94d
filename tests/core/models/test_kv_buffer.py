import pytest
import torch
from transformers import DynamicCache

from core.models.kv_buffer import ROOM, BufferPool, new_buffer


def logits_after(lm, cache, ids, chunk):
    session = lm.session(cache)
    session.prefill(ids, chunk=chunk)
    return session.logits, list(session.decode(8))


def test_it_answers_as_a_concatenating_cache_does(tiny_lm, tiny_corpus):
    ids = tiny_lm.prompt.context(tiny_corpus.passages)
    assert len(ids) > 2 * ROOM  # so that the buffer has to grow
    ours, text = logits_after(tiny_lm, new_buffer(2), ids, 100)
    theirs, same_text = logits_after(tiny_lm, DynamicCache(), ids, 100)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
    assert text == same_text


def test_what_it_begins_with_stays_untouched(tiny_lm):
    first = tiny_lm.session()
    first.prefill(tiny_lm.prompt.head)
    held = [(layer.keys.clone(), layer.values.clone()) for layer in first.cache.layers]
    before = [(keys.clone(), values.clone()) for keys, values in held]
    again = tiny_lm.session(new_buffer(2, held))
    assert again.length == len(tiny_lm.prompt.head)
    again.prefill(tiny_lm.prompt.tail("Who?"))
    list(again.decode(4))
    for pair, copy in zip(held, before, strict=True):
        assert torch.equal(pair[0], copy[0]) and torch.equal(pair[1], copy[1])


def test_new_tokens_are_written_in_place(tiny_lm):
    session = tiny_lm.session()
    session.prefill(tiny_lm.prompt.head)
    address = session.cache.layers[0].keys.data_ptr()
    list(session.decode(10))
    assert session.cache.layers[0].keys.data_ptr() == address


def test_cropping_forgets_the_end(tiny_lm):
    head, tail = tiny_lm.prompt.head, tiny_lm.prompt.tail("Who built the lighthouse?")
    session = tiny_lm.session()
    session.prefill(head + tail)
    wanted = session.logits
    list(session.decode(5))
    session.cache.crop(-(session.length - len(head)))
    session.prefill(tail)
    torch.testing.assert_close(session.logits, wanted, atol=1e-5, rtol=0)


@pytest.fixture()
def stored(tiny_lm):
    session = tiny_lm.session()
    session.prefill(tiny_lm.prompt.head)
    return [(layer.keys.clone(), layer.values.clone()) for layer in session.cache.layers]


def said(lm, cache, question):
    session = lm.session(cache)
    session.prefill(lm.prompt.tail(question))
    return session.logits, list(session.decode(6))


def test_one_sequence_after_another_uses_the_same_buffers(tiny_lm, stored):
    wanted = {question: said(tiny_lm, new_buffer(2, stored), question) for question in ("Who?", "What lamp is it?")}
    before = [keys.clone() for keys, _ in stored]
    pool, places = BufferPool(stored), set()
    for question in ("Who?", "What lamp is it?", "Who?", "Who?"):
        cache = pool.borrow()
        logits, tokens = said(tiny_lm, cache, question)
        assert torch.equal(logits, wanted[question][0]) and tokens == wanted[question][1]
        places.add(cache.layers[0].keys.data_ptr())
        del cache
    assert len(places) == 1, "copied for every question"
    for keys, (now, _) in zip(before, stored, strict=True):
        assert torch.equal(keys, now)


def test_two_at_once_do_not_disturb_each_other(tiny_lm, stored):
    wanted = {question: said(tiny_lm, new_buffer(2, stored), question) for question in ("Who?", "What lamp is it?")}
    pool = BufferPool(stored)
    said(tiny_lm, pool.borrow(), "Who?")
    sessions = {question: tiny_lm.session(pool.borrow()) for question in wanted}
    for question, session in sessions.items():
        session.prefill(tiny_lm.prompt.tail(question))
    decoding = {question: session.decode(6) for question, session in sessions.items()}
    tokens = {question: [] for question in wanted}
    for _ in range(6):
        for question, stream in decoding.items():
            tokens[question] += [token for token in [next(stream, None)] if token is not None]
    assert tokens == {question: answer for question, (_, answer) in wanted.items()}


def test_a_borrower_cropped_into_what_was_lent_leaves_it_alone(tiny_lm, stored):
    before = [keys.clone() for keys, _ in stored]
    pool = BufferPool(stored)
    said(tiny_lm, pool.borrow(), "Who?")
    cache = pool.borrow()
    cache.crop(-4)
    said(tiny_lm, cache, "What?")
    del cache
    logits, _ = said(tiny_lm, pool.borrow(), "Who?")
    assert torch.equal(logits, said(tiny_lm, new_buffer(2, stored), "Who?")[0])
    for keys, (now, _) in zip(before, stored, strict=True):
        assert torch.equal(keys, now)


def test_a_borrower_that_outgrows_the_room_is_still_right(tiny_lm, stored):
    pool = BufferPool(stored)
    long = "Who? " * (ROOM + 10)
    wanted = said(tiny_lm, new_buffer(2, stored), long)
    for _ in range(2):
        logits, tokens = said(tiny_lm, pool.borrow(), long)
        torch.testing.assert_close(logits, wanted[0], atol=1e-5, rtol=0)
        assert tokens == wanted[1]
