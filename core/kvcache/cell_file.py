"""One cell as a safetensors file, whose header describes its content.

    layer.0.keys   [kv_heads, tokens, head_dim]     layer.0.values   [kv_heads, tokens, head_dim]     layer.1.keys ...

For quantised precisions, ``layer.0.keys`` holds codes, and ``layer.0.keys.scale`` and ``.low`` the parameters that
decode them. The file is named after ``cell_key``, the digest of its tokens and passages, so that a cell keeps its file
when its number changes because passages were added or removed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from transformers import DynamicCache

from core.digests import order_header, sha256_of
from core.errors import ArtefactStale, TesseraError
from core.kvcache.identity import PRECISIONS, CacheIdentity
from core.kvcache.quantise import decode, encode
from core.kvcache.storage_base import Content, Parcel, Storage
from core.messages import message
from core.models.kv_buffer import BufferPool
from core.models.language_model import LanguageModel

Layers = list[tuple[torch.Tensor, torch.Tensor]]
"""Keys and values of each layer, [1, kv_heads, tokens, head_dim]."""

FORMAT = "tessera-cell-1"
_DTYPES = {
    "F32": torch.float32,
    "BF16": torch.bfloat16,
    "F16": torch.float16,
    "F8_E4M3": torch.float8_e4m3fn,
    "U8": torch.uint8,
}


def store_cell(
    storage: Storage | Parcel, name: str, layers: Layers, key: str, passage_ids: Sequence[str], identity: CacheIdentity
) -> tuple[int, str]:
    """Writes the keys and values of a cell atomically.

    Args:
        key: See ``cell_key``.
        passage_ids: Passages it holds, in order.

    Returns:
        Size in bytes and SHA-256 of the file.

    Raises:
        TesseraError: The file cannot be written, or the numbers do not fit the precision.
    """
    tensors: dict[str, torch.Tensor] = {}
    for number, pair in enumerate(layers):
        for part, numbers in zip(("keys", "values"), pair, strict=True):
            for suffix, tensor in encode(numbers[0].cpu(), identity.precision, keys=part == "keys").items():
                tensors[_name(number, part, suffix)] = tensor
    header = {
        "format": FORMAT,
        "key": key,
        "tokens": str(layers[0][0].shape[2]),
        "passage_ids": json.dumps(list(passage_ids), ensure_ascii=False),
        **asdict(identity),
    }
    size_and_digest: list[tuple[int, str]] = []

    def produce(path: Path) -> None:
        save_file(tensors, path, metadata=header)
        order_header(path)
        size_and_digest.append((path.stat().st_size, sha256_of(path)))

    with stored(storage):
        storage.write_through(name, produce)
    return size_and_digest[0]


@contextmanager
def stored(storage: Storage | Parcel) -> Iterator[None]:
    """Says in a sentence that a cell could not be written."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise TesseraError(
            message(
                "The cache of a cell could not be written to {place}: {error}.", place=storage.location, error=error
            ),
            "Free some space; what is built already is kept.",
        ) from error


def decode_cell(content: Content, name: str, key: str, lm: LanguageModel, kind: str) -> Layers:
    """Keys and values of a cell on the model's device; views of ``content`` where nothing has to be converted.

    Args:
        key: Expected key, see ``cell_key``.
        lm: The model that will continue from it.

    Raises:
        ArtefactStale: It is not a cell file, holds another cell, or does not have the model's shape.
    """
    try:
        header, tensors = _parse(torch.from_numpy(content))
        precision = header.get("precision") or header["dtype"]
        if header.get("format") != FORMAT or header.get("key") != key or precision not in PRECISIONS:
            raise ArtefactStale(message("{name} does not hold the cell that the index says.", name=name), kinds=(kind,))
        count = sum(entry.endswith(".keys") for entry in tensors)
        device, lm_dtype = lm.device, lm.dtype  # read once: transformers walks through the layers for each
        pairs = [
            tuple(_decoded(tensors, number, part, precision, device, lm_dtype) for part in ("keys", "values"))
            for number in range(count)
        ]
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ArtefactStale(
            message("{name} cannot be read ({error}).", name=name, error=error), kinds=(kind,)
        ) from error
    config = lm.model.config
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    dtype = str(lm_dtype).removeprefix("torch.")
    if count != config.num_hidden_layers or pairs[0][0].shape[:2] != (1, heads) or header["dtype"] != dtype:
        raise ArtefactStale(
            message("{name} does not have the shape of this model's KV cache.", name=name), kinds=(kind,)
        )
    return [(keys, values) for keys, values in pairs]


def _parse(content: torch.Tensor) -> tuple[dict[str, str], dict[str, torch.Tensor]]:
    """Header and tensors of a safetensors file; the tensors are views of ``content``.

    The format (https://github.com/huggingface/safetensors#format) is the header's length in 8 bytes, little-endian,
    then the header as JSON, then the tensors. The library's own reader would copy every tensor once more.

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


@dataclass(frozen=True)
class LoadedCache:
    """A cell's keys and values in memory. They never change: every question continues from its own ``cache()``.

    Attributes:
        key: Digest of tokens and passages.
        layers: Keys and values of each layer, [1, kv_heads, tokens, head_dim], on the model's device.
    """

    cell: int
    key: str
    layers: Layers
    tokens: int
    passage_ids: tuple[str, ...]
    bytes: int

    def cache(self) -> DynamicCache:
        """A cache to continue from, with spare capacity.

        Consecutive sequences reuse the same buffers, see ``BufferPool``; the stored tokens are never overwritten.
        """
        return self._pool.borrow()

    @cached_property
    def _pool(self) -> BufferPool:
        return BufferPool(self.layers)
