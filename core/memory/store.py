"""A memory on disk: safetensors and one JSON file; loading it runs no code.

memory.json           what it is: format, base model, corpus, settings, ids and titles, figures of the training
pool.safetensors      z [N, m, z_dim], float16; or codes, int8, and steps [N, m, 1]: see core.memory.pool
parts.safetensors     projector.*, router.*, float32 (idf in float16)
lora.safetensors      LAYER.a, LAYER.b, bfloat16
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from core.artefacts import artefact
from core.errors import ArtefactMissing, ArtefactStale
from core.manifest import damage, readable, write_atomically
from core.memory.config import MemoryConfig
from core.memory.pool import MemoryPool, decode_z, encode_z
from core.memory.projector import Projector
from core.memory.router import Router
from core.messages import message
from core.models.language_model import Identity

CARD = "memory.json"
POOL = "pool.safetensors"
PARTS, LORA = artefact("memory").shared
FILES = (CARD, POOL, PARTS, LORA)
FORMATS = {"float16": 1, "int8": 2}
"""How Z is stored to the format of the card: a version that knows float16 alone refuses the other by its number."""
_TENSORS = 1


@dataclass(frozen=True)
class Card:
    """Metadata of a memory.

    Attributes:
        base: Digest of the plain model's weights, tokenizer and of the prompt; see ``base_fingerprint``.
        corpus: Fingerprint of the passages it was trained on.
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
        """JSON values for the manifest."""
        return {
            "model": self.model,
            "corpus": self.corpus_name,
            "learned": list(self.learned),
            "origin": self.origin,
            **self.config.to_json(),
            **self.training,
        }


def base_fingerprint(identity: Identity, prompt: str) -> str:
    """Digest of what a memory's tensors depend on: weights, tokenizer, prompt; the number format may differ."""
    fields = [identity.weights, identity.tokenizer, identity.adapter, prompt, _TENSORS]
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
    _write(folder / POOL, encode_z(pool.z, card.config.z_format))
    document = {
        "format": FORMATS[card.config.z_format],
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


def save_parts(folder: Path, projector: Projector, router: Router) -> None:
    """Writes projector and router."""
    tensors = {f"projector.{name}": tensor.float() for name, tensor in projector.state_dict().items()}
    tensors |= {f"router.{name}": tensor.float() for name, tensor in router.state_dict().items()}
    _write(folder / PARTS, tensors | {"router.idf": router.idf.half()})


def save_lora(folder: Path, adapters: Mapping[str, torch.Tensor]) -> None:
    """Writes the LoRA."""
    _write(folder / LORA, {name: tensor.detach().to(torch.bfloat16) for name, tensor in adapters.items()})


def load_pool(folder: Path) -> MemoryPool:
    """Z of the memory in a folder, in float32.

    Raises:
        ArtefactMissing: There is no memory.
        ArtefactStale: It is damaged.
    """
    document = _raw(folder)
    z = decode_z(_tensors(folder / POOL))
    ids, titles = (tuple(map(str, document.get(name) or ())) for name in ("ids", "titles"))
    if not len(z) == len(ids) == len(titles):
        raise ArtefactStale(
            message(
                "The memory in {folder} names {names} documents and holds {rows}.",
                folder=folder,
                names=len(ids),
                rows=len(z),
            ),
            kinds=_KINDS,
        )
    return MemoryPool(ids, titles, z)


def load_parts(folder: Path) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Tensors of projector and router, and of the LoRA.

    Raises:
        ArtefactStale: A file is missing or damaged.
    """
    return {name: t.float() for name, t in _tensors(folder / PARTS).items()}, _tensors(folder / LORA)


_KINDS = ("memory",)


def damaged(folder: Path, why: object) -> ArtefactStale:
    """The error for a damaged memory."""
    return ArtefactStale(
        message("The memory in {folder} is damaged ({why}).", folder=folder, why=why),
        message(
            "Put a copy of the folder {folder} back if there is one, else {action}.",
            folder=folder,
            action=message(artefact("memory").remedy),
        ),
        _KINDS,
    )


def _raw(folder: Path) -> dict[str, Any]:
    path = folder / CARD
    if not path.is_file():
        raise ArtefactMissing(message("There is no memory in {folder}.", folder=folder), kinds=_KINDS)
    if (manifest := readable(folder)) and (why := damage(folder, manifest)):
        raise damaged(folder, why)
    try:
        document: dict[str, Any] = dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise damaged(folder, error) from error
    if document.get("format") not in FORMATS.values():
        raise ArtefactStale(
            message("The memory in {folder} was written by another version of Tessera.", folder=folder), kinds=_KINDS
        )
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
        raise damaged(folder, error) from error


def _tensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise damaged(path.parent, f"{path.name}: {error}") from error


def _write(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, save({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}))
