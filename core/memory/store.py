"""A memory on disk: safetensors and one JSON, nothing that runs code when read.

memory.json           what it is: format, base model, corpus, settings, ids and titles, figures of the training
pool.safetensors      z [N, m, z_dim], float16; or codes, int8, and steps [N, m, 1]: see core.memory.kept
parts.safetensors     projector.*, router.*, float32 (idf in float16)
lora.safetensors      LAYER.a, LAYER.b, bfloat16
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from core.errors import ArtefactMissing, ArtefactStale
from core.memory.config import MemoryConfig
from core.memory.kept import decoded, encoded
from core.memory.pool import MemoryPool
from core.models.language_model import Identity
from core.workspace import write_atomically

CARD = "memory.json"
POOL = "pool.safetensors"
PARTS = "parts.safetensors"
LORA = "lora.safetensors"
FORMATS = {"float16": 1, "int8": 2}
"""How Z is kept to the format of the card: a version that knows float16 alone refuses the other by its number."""
_TENSORS = 1


@dataclass(frozen=True)
class Card:
    """What a memory is and what it was made from.

    Attributes:
        base: Digest of the plain model's weights, tokenizer and of the frame; see ``base_fingerprint``.
        model: Name of that model.
        corpus: Fingerprint of the passages it was trained on.
        corpus_name: Name of that corpus.
        config: Settings of the memory and its training.
        learned: Ids of documents learned after training.
        training: Figures of the training: seconds, losses, held-out scores.
        origin: The memory whose LoRA, projector and router it started from; empty when it started from nothing.
    """

    base: str
    model: str
    corpus: str
    corpus_name: str
    config: MemoryConfig
    learned: tuple[str, ...] = ()
    training: dict[str, Any] = field(default_factory=dict)
    origin: str = ""

    def figures(self) -> dict[str, Any]:
        """Plain values worth showing in a manifest."""
        return {
            "model": self.model,
            "corpus": self.corpus_name,
            "learned": list(self.learned),
            "origin": self.origin,
            **self.config.to_json(),
            **self.training,
        }


def base_fingerprint(identity: Identity, frame: str) -> str:
    """Digest of what a memory's tensors depend on: weights, tokenizer, frame; the number format may differ."""
    fields = [identity.weights, identity.tokenizer, identity.adapter, frame, _TENSORS]
    return hashlib.sha256(json.dumps(fields).encode()).hexdigest()[:16]


def read_card(folder: Path) -> Card:
    """The card of the memory in a folder.

    Raises:
        ArtefactMissing: There is no memory.
        ArtefactStale: It is damaged or of another format.
    """
    return _parse(_raw(folder), folder)


def save_pool(folder: Path, pool: MemoryPool, card: Card) -> None:
    """Writes Z and the card; the other files stay."""
    folder.mkdir(parents=True, exist_ok=True)
    stored = encoded(pool.z, card.config.kept)
    write_atomically(folder / POOL, save({name: tensor.contiguous() for name, tensor in stored.items()}))
    document = {
        "format": FORMATS[card.config.kept],
        "base": card.base,
        "model": card.model,
        "corpus": card.corpus,
        "corpus_name": card.corpus_name,
        "config": card.config.to_json(),
        "learned": list(card.learned),
        "training": card.training,
        "origin": card.origin,
        "ids": list(pool.ids),
        "titles": list(pool.titles),
    }
    write_atomically(folder / CARD, json.dumps(document, indent=1, ensure_ascii=False).encode())


def save_parts(folder: Path, parts: dict[str, torch.Tensor]) -> None:
    """Writes projector and router."""
    folder.mkdir(parents=True, exist_ok=True)
    compact = {name: t.half() if name.endswith("idf") else t.float() for name, t in parts.items()}
    write_atomically(folder / PARTS, save({name: t.contiguous() for name, t in compact.items()}))


def save_lora(folder: Path, lora: dict[str, torch.Tensor]) -> None:
    """Writes the LoRA."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / LORA, save({name: t.to(torch.bfloat16).contiguous() for name, t in lora.items()}))


def load_pool(folder: Path) -> MemoryPool:
    """Z of the memory in a folder, in float32.

    Raises:
        ArtefactMissing: There is no memory.
        ArtefactStale: It is damaged.
    """
    document = _raw(folder)
    z = decoded(_tensors(folder / POOL))
    ids, titles = tuple(document["ids"]), tuple(document["titles"])
    if not len(z) == len(ids) == len(titles):
        raise ArtefactStale(f"The memory in {folder} names {len(ids)} documents and holds {len(z)}.", _REMEDY)
    return MemoryPool(ids, titles, z)


def load_parts(folder: Path) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Tensors of projector and router, and of the LoRA.

    Raises:
        ArtefactStale: A file is missing or damaged.
    """
    return {name: t.float() for name, t in _tensors(folder / PARTS).items()}, _tensors(folder / LORA)


def under(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors of one part, by their names in it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


_REMEDY = "Train it again: `python -m app train`."


def _raw(folder: Path) -> dict[str, Any]:
    path = folder / CARD
    if not path.is_file():
        raise ArtefactMissing(f"There is no memory in {folder}.", "Train one: `python -m app train`.")
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ArtefactStale(f"{path} is damaged ({error}).", _REMEDY) from error
    if document.get("format") not in FORMATS.values():
        raise ArtefactStale(f"The memory in {folder} was written by another version of Tessera.", _REMEDY)
    return document


def _parse(document: dict[str, Any], folder: Path) -> Card:
    try:
        return Card(
            base=document["base"],
            model=document["model"],
            corpus=document["corpus"],
            corpus_name=document["corpus_name"],
            config=MemoryConfig.from_json(document["config"]),
            learned=tuple(document["learned"]),
            training=document["training"],
            origin=str(document.get("origin", "")),
        )
    except (KeyError, TypeError) as error:
        raise ArtefactStale(f"{folder / CARD} lacks {error}.", _REMEDY) from error


def _tensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ArtefactStale(f"{path} is missing or damaged ({error}).", _REMEDY) from error
