"""Settings of a memory and of its training, validated on creation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from core.errors import TesseraError
from core.memory.pool import Z_FORMATS
from core.messages import message

INITS = ("document", "noise")
"""Where Z starts: as the distinctive tokens of each document, or drawn at random (a control: see ``first_z``)."""
READ_MODES = ("prefix", "kv", "cross")
"""How Z is read; see ``core.memory.z_reader``. Training is the same for all but ``cross``."""
SHARES = ("study", "recite", "counterfactual", "wrong", "general", "warmup")
_NOT_COUNTED = ("casings", "vocabulary", "seed")
_FORMER = {"twin": "counterfactual", "kept": "z_format"}
"""Settings of memories and presets that were written before they got their names of today."""
_DROPPED = ("answers",)
"""Settings that memories of earlier versions name and that made no difference to how they are read."""


@dataclass(frozen=True)
class MemoryConfig:
    """Settings of a memory and of its training.

    Attributes:
        m: Vectors per document.
        z_dim: Numbers per vector.
        vocabulary: Whether a vector's numbers are looked up in the vocabulary, where few of them are enough; see
            ``core.memory.z_codec``.
        lora_r: Rank of the LoRA on every linear layer.
        read: One of ``READ_MODES``.
        init: One of ``INITS``.
        steps: Optimiser steps of the evidence stage; 0 leaves every document its first z, and needs a start.
        batch: Examples per step.
        lr_z: Learning rate of Z.
        lr_projector: Learning rate of the projector.
        lr_lora: Learning rate of the LoRA.
        warmup: Share of the steps over which the rates rise; they fall along a half cosine after that.
        study: Share of self-study among the reading examples of the corpus; the rest are its train questions.
        recite: Share of examples that write a whole document from its z.
        counterfactual: Share of examples about documents with swapped facts, read from an untrained z.
        wrong: Share of examples that show a wrong z and ask for ``NOT_IN_MEMORY``.
        general: Share of examples from the general pool, whose z is never trained; 0 without a pool.
        siblings: Questions asked of a document of the general pool at once; they count as one example.
        passage_tokens: Documents are cut to this many tokens when recited.
        router_dim: Width of routing queries and keys.
        router_layer: Hidden states of the question are taken after this layer, beside its token embeddings.
        router_steps: Optimiser steps of the routing stage; 0 finds as the memory it starts from does.
        router_batch: Questions per routing step.
        router_documents: Documents that a routing step compares them with: their own and a random choice of others.
        casings: Whether the router looks for every word in each casing in which the corpus has it.
        lr_router: Learning rate of the router.
        eval_every: Steps between two looks at the held-out questions.
        eval_questions: Held-out dev questions looked at during training.
        checkpoint_every: Steps between two checkpoints.
        evidence_tokens: Longest evidence in tokens.
        lexicon: Nats taken from every token of evidence that is neither common nor read off z; 0 allows all tokens.
        z_format: How the numbers of Z are stored, one of ``Z_FORMATS``.
        seed: Seed of everything that is drawn.
    """

    m: int = 64
    z_dim: int = 576
    vocabulary: bool = False
    lora_r: int = 16
    read: str = "prefix"
    init: str = "document"
    steps: int = 170
    batch: int = 16
    lr_z: float = 2e-2
    lr_projector: float = 5e-4
    lr_lora: float = 1e-3
    warmup: float = 0.04
    study: float = 0.6
    recite: float = 0.04
    counterfactual: float = 0.0
    wrong: float = 0.2
    general: float = 0.0
    siblings: int = 1
    passage_tokens: int = 160
    router_dim: int = 192
    router_layer: int = 6
    router_steps: int = 400
    router_batch: int = 64
    router_documents: int = 256
    casings: bool = False
    lr_router: float = 2e-3
    eval_every: int = 34
    eval_questions: int = 24
    checkpoint_every: int = 17
    evidence_tokens: int = 48
    lexicon: float = 0.0
    z_format: str = "float16"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, choices in (("read", READ_MODES), ("init", INITS), ("z_format", Z_FORMATS)):
            if getattr(self, name) not in choices:
                self._refuse(name, message("Choose one of: {names}.", names=", ".join(choices)))
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in SHARES:
                if not 0 <= value < 1:
                    self._refuse(field.name, "It is a share: give a number from 0 to below 1.")
            elif field.name in ("steps", "router_steps", "lexicon"):
                if value < 0:
                    self._refuse(field.name, "Give 0 or more.")
            elif isinstance(value, (int, float)) and value <= 0 and field.name not in _NOT_COUNTED:
                self._refuse(field.name, "Give a number above 0.")
        if self.crosses and self.siblings > 1:
            self._refuse("siblings", "Set siblings to 1: only a soft prompt is shared by several questions.")
        shares = self.recite + self.counterfactual + self.wrong + self.general
        if shares >= 1:
            raise TesseraError(
                message("recite, counterfactual, wrong and general add up to {sum:.2f}.", sum=shares),
                "Leave room for the reading examples: keep their sum below 1.",
            )

    def _refuse(self, name: str, remedy: str) -> None:
        raise TesseraError(message("{name} is {value}.", name=name, value=repr(getattr(self, name))), remedy)

    @property
    def crosses(self) -> bool:
        """Whether the layers look at Z themselves, which has to be trained for; the other ways share a training."""
        return self.read == "cross"

    def to_json(self) -> dict[str, Any]:
        """JSON values for a manifest."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> MemoryConfig:
        """The reverse of ``to_json``.

        Raises:
            TesseraError: It names a setting that does not exist.
        """
        named = {_FORMER.get(name, name): value for name, value in values.items() if name not in _DROPPED}
        unknown = sorted(set(named) - {field.name for field in fields(cls)})
        if unknown:
            raise TesseraError(
                message("Unknown memory setting {name}.", name=repr(unknown[0])), "Remove it from the preset."
            )
        return cls(**named)
