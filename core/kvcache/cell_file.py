"""One cell as a file: safetensors that say in their header what they hold.

    layer.0.keys   [kv_heads, tokens, head_dim]     layer.0.values   [kv_heads, tokens, head_dim]     layer.1.keys ...

Where the precision is not a number format of its own, ``layer.0.keys`` holds codes, and ``layer.0.keys.scale`` and
``.low`` what decodes them. The file is named after ``cell_key``, the digest of its tokens and passages. A cell that
gets another number when passages are added or removed therefore keeps its file, and two builds never write different
things under one name.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from transformers import DynamicCache

from core.errors import ArtefactStale, TesseraError
from core.kvcache.precision import PRECISIONS, chosen_precision, decode, encode
from core.kvcache.storage import LocalStorage, Storage
from core.models.language_model import LanguageModel

Layers = list[tuple[torch.Tensor, torch.Tensor]]
"""Keys and values of each layer, [1, kv_heads, tokens, head_dim]."""

FORMAT = "tessera-cell-1"
REMEDY = "Build the caches again: `python -m app cache`, or the Caches page."
_DTYPES = {
    "F32": torch.float32,
    "BF16": torch.bfloat16,
    "F16": torch.float16,
    "F8_E4M3": torch.float8_e4m3fn,
    "U8": torch.uint8,
}


@dataclass(frozen=True)
class Built:
    """What must hold for stored keys and values to stand for a text in a model.

    Attributes:
        model: Fingerprint of weights, adapter, tokenizer, prompt and dtype.
        prompt: Fingerprint of the prompt alone, so that a refusal can name it.
        dtype: Number format of the model that computed them.
        rope: The model's rotary embedding as canonical JSON; keys are stored rotated.
        precision: Number format in which they are kept.
    """

    model: str
    prompt: str
    dtype: str
    rope: str
    precision: str

    @classmethod
    def by(cls, lm: LanguageModel, precision: str = "auto") -> Built:
        """What caches built by ``lm`` say of themselves."""
        config = lm.model.config
        rope = getattr(config, "rope_parameters", None) or {"rope_theta": getattr(config, "rope_theta", None)}
        return cls(
            model=lm.identity.fingerprint,
            prompt=lm.prompt.fingerprint,
            dtype=str(lm.dtype).removeprefix("torch."),
            rope=json.dumps(rope, sort_keys=True, default=str),
            precision=chosen_precision(precision, lm.dtype),
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
        if self.precision != other.precision:
            return f"it is kept in {self.precision}, not in {other.precision}"
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
    """Writes the keys and values of a cell to a local file, so that a crash leaves no file or a whole one.

    Raises:
        TesseraError: The disk refuses.
    """
    store_cell(LocalStorage(path.parent), path.name, cache, key, passage_ids, built)


def store_cell(
    storage: Storage, name: str, cache: DynamicCache, key: str, passage_ids: Sequence[str], built: Built
) -> tuple[int, str]:
    """Writes the keys and values of a cell, all or nothing.

    Args:
        storage: Where to.
        name: Name of the file.
        cache: Keys and values of its tokens.
        key: See ``cell_key``.
        passage_ids: Passages it holds, in order.
        built: Model and precision.

    Returns:
        Size in bytes and SHA-256 of the file.

    Raises:
        TesseraError: The storage refuses, or the numbers do not fit the precision.
    """
    tensors: dict[str, torch.Tensor] = {}
    layers: list[Any] = cache.layers
    for number, layer in enumerate(layers):
        for part, held in (("keys", layer.keys), ("values", layer.values)):
            for suffix, tensor in encode(held[0].cpu(), built.precision, keys=part == "keys").items():
                tensors[_name(number, part, suffix)] = tensor
    header = {
        "format": FORMAT,
        "key": key,
        "tokens": str(cache.get_seq_length()),
        "passage_ids": json.dumps(list(passage_ids), ensure_ascii=False),
        "model": built.model,
        "prompt": built.prompt,
        "dtype": built.dtype,
        "rope": built.rope,
        "precision": built.precision,
    }
    known: list[tuple[int, str]] = []

    def produce(path: Path) -> None:
        save_file(tensors, path, metadata=header)
        known.append((path.stat().st_size, checksum(path)))

    try:
        storage.write_through(name, produce)
    except (OSError, SafetensorError) as error:
        raise TesseraError(
            f"The cache of a cell could not be written to {storage.location}: {error}.",
            "Free some space; what is built already is kept.",
        ) from error
    return known[0]


def read_cell(path: Path, key: str, lm: LanguageModel) -> Layers:
    """Reads the tensors of a cell from a local file onto the model's device.

    Raises:
        ArtefactStale: The file cannot be read, is another cell, or does not have the model's shape.
    """
    return decode_cell(read_bytes(LocalStorage(path.parent), path.name), path.name, key, lm)


def read_bytes(storage: Storage, name: str) -> torch.Tensor:
    """Content of a cell file [bytes].

    Raises:
        ArtefactStale: It cannot be read.
    """
    try:
        return storage.read(name)
    except OSError as error:
        raise ArtefactStale(f"{name} cannot be read ({error}).", REMEDY) from error


def decode_cell(content: torch.Tensor, name: str, key: str, lm: LanguageModel) -> Layers:
    """Keys and values of a cell on the model's device; in full precision they are views of ``content``, not copies.

    Args:
        content: [bytes] of the file, uint8.
        name: Name of the file.
        key: The cell it must be.
        lm: The model that will continue from it.

    Raises:
        ArtefactStale: It is no cell file, another cell, or does not have the model's shape.
    """
    try:
        header, tensors = _parse(content)
        precision = header.get("precision") or header["dtype"]
        if header.get("format") != FORMAT or header.get("key") != key or precision not in PRECISIONS:
            raise ArtefactStale(f"{name} does not hold the cell that the index says.", REMEDY)
        count = sum(entry.endswith(".keys") for entry in tensors)
        device, numbers = lm.device, lm.dtype  # the model looks through its layers for each
        pairs = [
            tuple(_decoded(tensors, number, part, precision, device, numbers) for part in ("keys", "values"))
            for number in range(count)
        ]
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ArtefactStale(f"{name} cannot be read ({error}).", REMEDY) from error
    config = lm.model.config
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    dtype = str(numbers).removeprefix("torch.")
    if count != config.num_hidden_layers or pairs[0][0].shape[:2] != (1, heads) or header["dtype"] != dtype:
        raise ArtefactStale(f"{name} does not have the shape of this model's KV cache.", REMEDY)
    return [(keys, values) for keys, values in pairs]


def checksum(path: Path) -> str:
    """SHA-256 of a file.

    Raises:
        ArtefactStale: It cannot be read.
    """
    return digest_of_bytes(read_bytes(LocalStorage(path.parent), path.name))


def digest_of_bytes(content: torch.Tensor) -> str:
    """SHA-256 of bytes in memory."""
    return hashlib.sha256(content.numpy().data).hexdigest()


def _parse(content: torch.Tensor) -> tuple[dict[str, str], dict[str, torch.Tensor]]:
    """Header and tensors of a safetensors file; the tensors are views of ``content``.

    The format (https://github.com/huggingface/safetensors#format): the header's length in 8 bytes, little-endian; the
    header in JSON; the tensors. The library's own reader copies every tensor once more.

    Raises:
        ValueError, KeyError, TypeError: It is damaged.
    """
    start = 8 + int.from_bytes(content[:8].numpy().tobytes(), "little")
    if len(content) < 8 or start > len(content):
        raise ValueError("its header is cut short")
    entries = json.loads(content[8:start].numpy().tobytes())
    header = entries.pop("__metadata__", {})
    tensors = {}
    for name, entry in entries.items():
        dtype, shape, (first, last) = _DTYPES[entry["dtype"]], entry["shape"], entry["data_offsets"]
        if not 0 <= first <= last <= len(content) - start or last - first != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"{name} does not lie within it")
        tensors[name] = content[start + first : start + last].view(dtype).view(shape)
    return header, tensors


def _decoded(
    tensors: dict[str, torch.Tensor], number: int, part: str, precision: str, device: torch.device, dtype: torch.dtype
) -> torch.Tensor:
    names = {suffix: _name(number, part, suffix) for suffix in ("", "scale", "low")}
    stored = {suffix: tensors[name].to(device) for suffix, name in names.items() if name in tensors}
    return decode(stored, precision, part == "keys", dtype)[None]


def _name(number: int, part: str, suffix: str) -> str:
    return f"layer.{number}.{part}" + (f".{suffix}" if suffix else "")
