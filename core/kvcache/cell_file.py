"""One cell on disk: a safetensors file that says in its header what it holds.

    layer.0.keys   [kv_heads, tokens, head_dim]     layer.0.values   [kv_heads, tokens, head_dim]     layer.1.keys ...

The file is named after ``cell_key``, the digest of its tokens and passages. A cell that gets another number when
passages are added or removed therefore keeps its file, and two builds never write different things under one name.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from transformers import DynamicCache

from core.errors import ArtefactStale, TesseraError
from core.models.language_model import LanguageModel

Layers = list[tuple[torch.Tensor, torch.Tensor]]
"""Keys and values of each layer, [1, kv_heads, tokens, head_dim]."""

FORMAT = "tessera-cell-1"
REMEDY = "Build the caches again: `python -m app cache`, or the Caches page."
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Built:
    """What must hold for stored keys and values to stand for a text in a model.

    Attributes:
        model: Fingerprint of weights, adapter, tokenizer, prompt and dtype.
        prompt: Fingerprint of the prompt alone, so that a refusal can name it.
        dtype: Number format of the tensors.
        rope: The model's rotary embedding as canonical JSON; keys are stored rotated.
    """

    model: str
    prompt: str
    dtype: str
    rope: str

    @classmethod
    def by(cls, lm: LanguageModel) -> Built:
        """What caches built by ``lm`` say of themselves."""
        config = lm.model.config
        rope = getattr(config, "rope_parameters", None) or {"rope_theta": getattr(config, "rope_theta", None)}
        return cls(
            model=lm.identity.fingerprint,
            prompt=lm.prompt.fingerprint,
            dtype=str(lm.dtype).removeprefix("torch."),
            rope=json.dumps(rope, sort_keys=True, default=str),
        )

    def why_unlike(self, other: Built) -> str:
        """Why a cache of ``self`` cannot serve a model of ``other``; empty when it can."""
        # From the particular to the general: the model's fingerprint covers prompt and dtype.
        if self.prompt != other.prompt:
            return "it was built with another prompt"
        if self.dtype != other.dtype:
            return f"it holds {self.dtype}, but the model runs in {other.dtype}"
        if self.rope != other.rope:
            return "it was built with other rotary position parameters"
        if self.model != other.model:
            return "it was built by another model or adapter"
        return ""


def cell_key(ids: Sequence[int], passage_ids: Sequence[str]) -> str:
    """Digest of the tokens of a cell, and of the passages they came from."""
    digest = hashlib.sha256(json.dumps(list(passage_ids), ensure_ascii=False).encode())
    digest.update(torch.tensor(ids, dtype=torch.int64).numpy().tobytes())
    return digest.hexdigest()[:20]


def file_name(key: str) -> str:
    """Name of the file of a cell."""
    return f"cell-{key}.safetensors"


def write_cell(path: Path, cache: DynamicCache, key: str, passage_ids: Sequence[str], built: Built) -> None:
    """Writes the keys and values of a cell, so that a crash leaves no file or a whole one.

    Raises:
        TesseraError: The disk refuses.
    """
    tensors: dict[str, torch.Tensor] = {}
    layers: list[Any] = cache.layers
    for number, layer in enumerate(layers):
        tensors[f"layer.{number}.keys"] = layer.keys[0].contiguous().cpu()
        tensors[f"layer.{number}.values"] = layer.values[0].contiguous().cpu()
    header = {
        "format": FORMAT,
        "key": key,
        "tokens": str(cache.get_seq_length()),
        "passage_ids": json.dumps(list(passage_ids), ensure_ascii=False),
        "model": built.model,
        "prompt": built.prompt,
        "dtype": built.dtype,
        "rope": built.rope,
    }
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=".cell-")
    os.close(handle)
    try:
        save_file(tensors, scratch, metadata=header)
        with Path(scratch).open("rb+") as file:
            os.fsync(file.fileno())
        Path(scratch).replace(path)
    except (OSError, SafetensorError) as error:
        raise TesseraError(
            f"The cache of a cell could not be written to {path.parent}: {error}.",
            "Free some space; what is built already is kept.",
        ) from error
    finally:
        Path(scratch).unlink(missing_ok=True)


def read_cell(path: Path, key: str, lm: LanguageModel) -> Layers:
    """Reads the tensors of a cell onto the model's device.

    Raises:
        ArtefactStale: The file cannot be read, is another cell, or does not have the model's shape.
    """
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
            if header.get("format") != FORMAT or header.get("key") != key:
                raise ArtefactStale(f"{path.name} does not hold the cell that the index says.", REMEDY)
            count = len(file.keys()) // 2
            # safetensors maps the file into memory: a clone makes the reading happen here, where it is timed, and
            # keeps a file that is cut short later from crashing the process.
            pairs = [
                tuple(_to(lm, file.get_tensor(f"layer.{n}.{part}")) for part in ("keys", "values"))
                for n in range(count)
            ]
    except (OSError, SafetensorError) as error:
        raise ArtefactStale(f"{path.name} cannot be read ({error}).", REMEDY) from error
    config = lm.model.config
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    if count != config.num_hidden_layers or pairs[0][0].shape[:2] != (1, heads) or pairs[0][0].dtype != lm.dtype:
        raise ArtefactStale(f"{path.name} does not have the shape of this model's KV cache.", REMEDY)
    return [(keys, values) for keys, values in pairs]


def checksum(path: Path) -> str:
    """SHA-256 of a file.

    Raises:
        ArtefactStale: It cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise ArtefactStale(f"{path.name} cannot be read ({error}).", REMEDY) from error
    return digest.hexdigest()


def _to(lm: LanguageModel, tensor: torch.Tensor) -> torch.Tensor:
    moved = tensor[None].to(lm.device)
    return moved.clone() if moved.device.type == "cpu" else moved
