import pytest
import torch

from core.errors import ModelError
from core.models.prompt import Prompt


def test_prefill_in_chunks_equals_prefill_at_once(tiny_lm, tiny_corpus):
    ids = tiny_lm.prompt.context(tiny_corpus.passages[:3])
    whole, parts = tiny_lm.session(), tiny_lm.session()
    whole.prefill(ids)
    steps = list(parts.prefill_steps(ids, chunk=16))
    assert steps[0] == 16 and steps[-1] == len(ids) and parts.length == whole.length == len(ids)
    torch.testing.assert_close(parts.logits, whole.logits, atol=1e-4, rtol=0)


def test_decoding_equals_transformers_generate(tiny_lm):
    ids = tiny_lm.prompt.head + tiny_lm.prompt.tail("Where is the lighthouse?")
    session = tiny_lm.session()
    session.prefill(ids)
    ours = list(session.decode(12))
    batch = torch.tensor([ids])
    theirs = tiny_lm.model.generate(
        batch,
        attention_mask=torch.ones_like(batch),
        max_new_tokens=12,
        do_sample=False,
        eos_token_id=sorted(tiny_lm.stop_ids),
        pad_token_id=0,
    )[0, len(ids) :].tolist()
    assert ours == [token for token in theirs if token not in tiny_lm.stop_ids]
    assert len(ours) > 3


def test_decoding_stops_when_closed(tiny_lm):
    session = tiny_lm.session()
    session.prefill(tiny_lm.prompt.head)
    tokens = session.decode(50)
    next(tokens)
    next(tokens)
    tokens.close()
    assert session.length == len(tiny_lm.prompt.head) + 1


def test_soft_tokens_equal_their_token_embeddings(tiny_lm):
    ids = tiny_lm.prompt.head
    hard, soft = tiny_lm.session(), tiny_lm.session()
    hard.prefill(ids)
    with torch.no_grad():
        soft.prefill_embeddings(tiny_lm.model.get_input_embeddings()(torch.tensor(ids)))
    torch.testing.assert_close(hard.logits, soft.logits, atol=1e-5, rtol=0)


def test_an_outgrown_context_is_refused(tiny_lm):
    with pytest.raises(ModelError, match="fewer passages"):
        tiny_lm.session().prefill([1] * (tiny_lm.max_context + 1))


def test_decoding_nothing_is_refused(tiny_lm):
    with pytest.raises(ModelError, match="Prefill the prompt"):
        next(tiny_lm.session().decode(1))


def test_text_is_streamed_in_whole_characters(tiny_lm):
    text = "a 도서관 lamp"
    pieces = list(tiny_lm.stream_text(tiny_lm.prompt.encode(text)))
    assert "".join(pieces) == text
    assert not any("\ufffd" in piece for piece in pieces)


def test_kv_bytes_are_those_of_a_real_cache(tiny_lm):
    session = tiny_lm.session()
    session.prefill(tiny_lm.prompt.head)
    held = sum(layer.keys.nbytes + layer.values.nbytes for layer in session.cache.layers)
    assert held == tiny_lm.kv_bytes_per_token * session.length


def test_prompt_segments_join_to_the_whole(tiny_lm, tiny_corpus):
    prompt = tiny_lm.prompt
    one, two = tiny_corpus.passages[:2]
    assert prompt.context([one, two]) == prompt.head + prompt.passage(one) + prompt.passage(two)
    text = tiny_lm.tokenizer.decode(prompt.context([one]) + prompt.tail("Who? "))
    assert one.text in text and text.count("Question: Who?") == 1


def test_another_instruction_is_another_fingerprint(tiny_lm):
    assert Prompt(tiny_lm.tokenizer, "Be brief.").fingerprint != tiny_lm.prompt.fingerprint
