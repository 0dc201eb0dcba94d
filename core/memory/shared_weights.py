"""Shared weights: the document-independent weights of a trained memory, from which another training can start.

LoRA and projector read any z of the same basis, the router finds documents by any keys made from one. A corpus whose
training starts from them needs few steps, or none: every document gets its first z in one pass, and only the router
learns the new corpus. A training over the very documents of that memory goes on from their z.
"""

from __future__ import annotations

import hashlib
import operator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from core.corpus.store import fingerprint
from core.corpus.types import Corpus
from core.digests import digest_of
from core.errors import ArtefactStale, TesseraError
from core.memory import lora, store
from core.memory.config import MemoryConfig
from core.memory.pool import MemoryPool
from core.memory.projector import Projector
from core.memory.prompt import ZPrompt
from core.memory.router import Router
from core.memory.z_codec import ZCodec
from core.messages import message
from core.models.language_model import LanguageModel

SHAPES = ("z_dim", "lora_r", "router_dim", "router_layer")
"""Settings that a training shares with the memory it starts from."""


@dataclass(frozen=True)
class SharedWeights:
    """Tensors of a trained memory.

    Attributes:
        pool: Its Z, which only a training over the same documents goes on from.
        parts: Of projector and router, by name.
        adapters: Of the LoRA, by name.
    """

    card: store.Card
    digest: str
    pool: MemoryPool
    parts: dict[str, torch.Tensor]
    adapters: dict[str, torch.Tensor]

    @classmethod
    def load(cls, folder: Path) -> SharedWeights:
        """Loads the weights of the memory in a folder.

        Raises:
            ArtefactMissing: There is none.
            ArtefactStale: It is damaged.
        """
        parts, adapters = store.load_parts(folder)
        digests = [digest_of(folder, name) for name in (store.POOL, store.PARTS, store.LORA)]
        digest = hashlib.sha256("".join(digests).encode()).hexdigest()
        return cls(store.read_card(folder), digest, store.load_pool(folder), parts, adapters)

    def fits(self, lm: LanguageModel, prompt: ZPrompt) -> bool:
        """Whether they belong to this model."""
        return self.card.base == store.base_fingerprint(lm.identity, prompt.fingerprint)

    def require(self, lm: LanguageModel, prompt: ZPrompt, config: MemoryConfig) -> None:
        """Checks that they fit a model and settings.

        Raises:
            ArtefactStale: They belong to another model.
            TesseraError: A setting that gives the tensors their shape differs.
        """
        if not self.fits(lm, prompt):
            raise ArtefactStale(
                message(
                    "The memory to start from was trained on {trained}, not on {model} as it is loaded now.",
                    trained=self.card.model,
                    model=lm.identity.name,
                ),
                "Start from a memory of this model, or from nothing.",
            )
        names = (*SHAPES, "read") if config.crosses != self.card.config.crosses else SHAPES
        embeddings = lm.model.get_input_embeddings().weight
        same_width = ZCodec(embeddings, config).width == ZCodec(embeddings, self.card.config).width
        for name in names:
            ours, theirs = getattr(config, name), getattr(self.card.config, name)
            if ours != theirs and not (name == "z_dim" and same_width):
                values = {"name": name, "ours": repr(ours), "theirs": repr(theirs)}
                raise TesseraError(
                    message("{name} is {ours}, and {theirs} in the memory to start from.", **values),
                    message("Set {name} to {theirs}, or start from nothing.", **values),
                )

    def holds(self, corpus: Corpus, config: MemoryConfig) -> bool:
        """Whether its Z is of these documents as they are, and stored in the same form."""
        form = operator.attrgetter("m", "z_dim", "vocabulary")
        return self.learned_from(corpus) and form(self.card.config) == form(config)

    def learned_from(self, corpus: Corpus) -> bool:
        """Whether it was trained on these documents as they are."""
        ids = tuple(passage.id for passage in corpus.passages)
        return self.pool.ids == ids and not self.card.learned and self.card.corpus == fingerprint(corpus.passages)

    def into(self, projector: Projector, adapters: dict[str, nn.Parameter]) -> None:
        """Copies projector and LoRA."""
        projector.load_state_dict(_under("projector.", self.parts))
        lora.restore(adapters, self.adapters)

    def router(self, idf: torch.Tensor) -> Router:
        """A router with these weights and the idf [vocabulary] of another corpus."""
        _, router = build_parts({**self.parts, "router.idf": idf})
        return router


def build_parts(tensors: dict[str, torch.Tensor]) -> tuple[Projector, Router]:
    """Projector and router from their saved tensors; shapes tell the sizes.

    Raises:
        KeyError, RuntimeError: Tensors are missing or have other shapes: the file is damaged.
    """
    z_dim, hidden = tensors["projector.weight"].shape
    projector = Projector(z_dim, hidden)
    projector.load_state_dict(_under("projector.", tensors))
    router = Router(hidden, z_dim, tensors["router.key"].shape[1], tensors["router.idf"])
    router.load_state_dict(_under("router.", tensors))
    return projector, router


def _under(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors of one part, by their names in it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
