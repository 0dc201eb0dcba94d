import logging

import numpy as np
import pytest

from core.models.encoder import SentenceEncoder, encode_in_batches
from core.models.prompt import Prompt
from core.settings import Settings
from tests.models import tiny_sentence_encoder, tiny_tokenizer


def test_batches_cover_all_texts_in_order(tiny_encoder):
    texts = [f"lamp {i}" for i in range(10)]
    batches = list(encode_in_batches(tiny_encoder, texts, batch=4))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    np.testing.assert_allclose(np.concatenate(batches), tiny_encoder.encode_passages(texts), atol=1e-6)


def test_counting_a_text_that_is_too_long_says_nothing_on_stderr(tmp_path):
    said = logging.Handler()
    said.emit = lambda record: pytest.fail(record.getMessage())
    logger, tokenizer, long = logging.getLogger("transformers"), tiny_tokenizer(), "lamp " * 300
    tokenizer.model_max_length = 16
    logger.addHandler(said)
    try:
        with pytest.raises(pytest.fail.Exception, match="longer than"):
            tokenizer(long)
        tokenizer.deprecation_warnings.clear()
        encoder = SentenceEncoder(str(tiny_sentence_encoder(tmp_path)), Settings())
        assert encoder.count(long) > encoder.max_tokens
        assert Prompt(tokenizer).count(long) > 16
    finally:
        logger.removeHandler(said)


@pytest.mark.real
def test_the_default_encoder_ranks_by_meaning():
    encoder = SentenceEncoder("all-minilm-l6-v2", Settings())
    passages = encoder.encode_passages(["A volcano on a northern island.", "A recipe for smoked eel pie."])
    assert passages.shape == (2, 384)
    np.testing.assert_allclose(np.linalg.norm(passages, axis=1), 1, atol=1e-5)
    similarity = passages @ encoder.encode_query("How do I cook eel?")
    assert similarity[1] > similarity[0] + 0.2
