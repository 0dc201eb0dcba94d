import json

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.models import Normalize, Pooling, Transformer
from transformers import BertConfig, BertModel

from core.models.encoder import SentenceEncoder
from core.models.pooled_encoder import pooling_of
from core.settings import Settings
from tests.models import tiny_tokenizer

TEXTS = ["The harbour of Ostrava Vale", "", "lamp " * 100, "서울의 오래된 도서관", "[CLS] is text"]


@pytest.fixture
def parts(tmp_path):
    """A tiny BERT in a folder, as the first module of an encoder that reads 16 tokens."""
    torch.manual_seed(0)
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = None
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=len(tokenizer), **shape)).save_pretrained(tmp_path / "bert")
    tokenizer.save_pretrained(tmp_path / "bert")
    return Transformer(str(tmp_path / "bert"), max_seq_length=16)


@pytest.mark.parametrize("flag", ["pooling_mode_mean_tokens", "pooling_mode_cls_token"])
def test_poolings_are_read_as_older_versions_wrote_them(parts, flag, tmp_path):
    SentenceTransformer(modules=[parts, Pooling(32, "max")], device="cpu").save(str(tmp_path / "encoder"))
    settings = {"word_embedding_dimension": 32, "pooling_mode_max_tokens": False, flag: True}
    (tmp_path / "encoder" / "1_Pooling" / "config.json").write_text(json.dumps(settings))
    library = SentenceTransformer(str(tmp_path / "encoder"), device="cpu")
    encoder = SentenceEncoder(str(tmp_path / "encoder"), Settings(device="cpu"))
    assert pooling_of(tmp_path / "encoder") in flag
    np.testing.assert_allclose(
        encoder.encode_passages(TEXTS), library.encode(TEXTS, normalize_embeddings=True), atol=1e-6
    )


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_vectors_are_those_of_the_library(parts, pooling, tmp_path):
    SentenceTransformer(modules=[parts, Pooling(32, pooling), Normalize()], device="cpu").save(
        str(tmp_path / "encoder")
    )
    library = SentenceTransformer(str(tmp_path / "encoder"), device="cpu")
    assert pooling_of(tmp_path / "encoder") == pooling
    encoder = SentenceEncoder(str(tmp_path / "encoder"), Settings(device="cpu"))
    assert (encoder.max_tokens, encoder.dim) == (library.max_seq_length, 32)
    np.testing.assert_allclose(encoder.encode_passages(TEXTS), library.encode(TEXTS), atol=1e-6)
    np.testing.assert_allclose(encoder.encode_query(TEXTS[0]), library.encode(TEXTS[0]), atol=1e-6)


def test_other_poolings_are_left_to_the_library(parts, tmp_path):
    SentenceTransformer(modules=[parts, Pooling(32, "max")], device="cpu").save(str(tmp_path / "encoder"))
    library = SentenceTransformer(str(tmp_path / "encoder"), device="cpu")
    assert pooling_of(tmp_path / "encoder") is None
    encoder = SentenceEncoder(str(tmp_path / "encoder"), Settings(device="cpu"))
    wanted = library.encode(TEXTS, normalize_embeddings=True)
    np.testing.assert_allclose(encoder.encode_passages(TEXTS), wanted, atol=1e-6)


def test_settings_that_change_the_text_are_left_to_the_library(parts, tmp_path):
    SentenceTransformer(modules=[parts, Pooling(32, "mean")], device="cpu").save(str(tmp_path / "encoder"))
    for name, change in (
        ("sentence_bert_config.json", {"do_lower_case": True}),
        ("config_sentence_transformers.json", {"default_prompt_name": "query"}),
        ("tokenizer_config.json", {"chat_template": "{{ messages }}"}),
    ):
        path = tmp_path / "encoder" / name
        before = path.read_text() if path.is_file() else "{}"
        path.write_text(json.dumps({**json.loads(before), **change}))
        assert pooling_of(tmp_path / "encoder") is None
        path.write_text(before)
    assert pooling_of(tmp_path / "encoder") == "mean"
