import torch
from transformers import DynamicCache

from core.models.kv_buffer import ROOM, new_buffer


def logits_after(lm, cache, ids, chunk):
    session = lm.session(cache)
    list(session.feed(ids, chunk=chunk))
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
    list(first.feed(tiny_lm.prompt.head))
    held = [(layer.keys.clone(), layer.values.clone()) for layer in first.cache.layers]
    before = [(keys.clone(), values.clone()) for keys, values in held]
    again = tiny_lm.session(new_buffer(2, held))
    assert again.length == len(tiny_lm.prompt.head)
    list(again.feed(tiny_lm.prompt.tail("Who?")))
    list(again.decode(4))
    for pair, copy in zip(held, before, strict=True):
        assert torch.equal(pair[0], copy[0]) and torch.equal(pair[1], copy[1])


def test_new_tokens_are_written_in_place(tiny_lm):
    session = tiny_lm.session()
    list(session.feed(tiny_lm.prompt.head))
    address = session.cache.layers[0].keys.data_ptr()
    list(session.decode(10))
    assert session.cache.layers[0].keys.data_ptr() == address


def test_cropping_forgets_the_end(tiny_lm):
    head, tail = tiny_lm.prompt.head, tiny_lm.prompt.tail("Who built the lighthouse?")
    session = tiny_lm.session()
    list(session.feed(head + tail))
    wanted = session.logits
    list(session.decode(5))
    session.cache.crop(-(session.length - len(head)))
    list(session.feed(tail))
    torch.testing.assert_close(session.logits, wanted, atol=1e-5, rtol=0)
