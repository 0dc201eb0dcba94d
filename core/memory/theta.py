"""Theta: what a trained memory has learned that is not about its documents, and where another training may start.

LoRA and projector read any z of the same basis, the router finds documents by any keys made from one. A corpus whose
training starts from them needs few steps, or none: every document gets its first z in one pass, and only the router
learns the new corpus.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch

from core.errors import ArtefactStale, TesseraError
from core.memory import lora, store
from core.memory.config import MemoryConfig
from core.memory.frame import Frame
from core.memory.projector import Projector
from core.memory.router import Router
from core.models.files import digest_of
from core.models.language_model import LanguageModel

SHAPES = ("z_dim", "lora_r", "router_dim", "router_layer")
"""Settings that a training shares with the memory it starts from."""


@dataclass(frozen=True)
class Theta:
    """Tensors of a trained memory, Z left out.

    Attributes:
        card: Of that memory.
        digest: Of the tensors.
        parts: Of projector and router, by name.
        adapters: Of the LoRA, by name.
    """

    card: store.Card
    digest: str
    parts: dict[str, torch.Tensor]
    adapters: dict[str, torch.Tensor]

    @classmethod
    def load(cls, folder: Path) -> Theta:
        """That of the memory in a folder.

        Raises:
            ArtefactMissing: There is none.
            ArtefactStale: It is damaged.
        """
        parts, adapters = store.load_parts(folder)
        digests = [digest_of(folder, name) for name in (store.PARTS, store.LORA)]
        return cls(store.read_card(folder), hashlib.sha256("".join(digests).encode()).hexdigest(), parts, adapters)

    def fits(self, lm: LanguageModel, frame: Frame) -> bool:
        """Whether it belongs to this model."""
        return self.card.base == store.base_fingerprint(lm.identity, frame.fingerprint)

    def require(self, lm: LanguageModel, frame: Frame, config: MemoryConfig) -> None:
        """Refuses a model or settings that it does not fit.

        Raises:
            ArtefactStale: It belongs to another model.
            TesseraError: A setting that gives the tensors their shape differs.
        """
        if not self.fits(lm, frame):
            raise ArtefactStale(
                f"The memory to start from was trained on {self.card.model}, not on {lm.identity.name} as it is loaded "
                "now.",
                "Start from a memory of this model, or from nothing.",
            )
        for name in SHAPES:
            ours, theirs = getattr(config, name), getattr(self.card.config, name)
            if ours != theirs:
                raise TesseraError(
                    f"{name} is {ours}, and {theirs} in the memory to start from.",
                    f"Set {name} to {theirs}, or start from nothing.",
                )
        if config.crosses != self.card.config.crosses:
            raise TesseraError(
                f"read is {config.read!r}, and {self.card.config.read!r} in the memory to start from.",
                f"Set read to {self.card.config.read!r}, or start from nothing.",
            )

    def into(self, projector: Projector, layers: dict[str, lora.LoraLinear]) -> None:
        """Copies what reads z."""
        projector.load_state_dict(store.under("projector.", self.parts))
        lora.restore(layers, self.adapters)

    def router(self, idf: torch.Tensor) -> Router:
        """A router that finds as that one did, with the idf [vocabulary] of another corpus."""
        _, router = build_parts({**self.parts, "router.idf": idf})
        return router


def build_parts(tensors: dict[str, torch.Tensor]) -> tuple[Projector, Router]:
    """Projector and router from their saved tensors; shapes tell the sizes."""
    z_dim, hidden = tensors["projector.weight"].shape
    projector = Projector(z_dim, hidden)
    projector.load_state_dict(store.under("projector.", tensors))
    router = Router(hidden, z_dim, tensors["router.key"].shape[1], tensors["router.idf"])
    router.load_state_dict(store.under("router.", tensors))
    return projector, router
