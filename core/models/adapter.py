"""LoRA (Hu et al. 2021) as low-rank updates of a decoder's linear layers, and the decoder with them merged in.

    adapter = Adapter.from_peft(folder)
    merged(lm.model, adapter, scratch)      shares every tensor that the adapter does not change with lm.model

Merging takes one product and one sum per layer. peft does the same but takes a second to import and pulls in
bitsandbytes, so it is used only for training adapters and for adapters on 4-bit weights.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn
from transformers import PreTrainedModel

from core.digests import digest_of
from core.errors import ModelError
from core.messages import message
from core.models.mapped import in_file

_CONFIG = "adapter_config.json"
_TENSORS = "adapter_model.safetensors"
_PREFIX = "base_model.model."
_PLAIN = {"use_dora": False, "bias": "none", "modules_to_save": None, "rank_pattern": {}, "alpha_pattern": {}}
"""peft settings of a plain LoRA adapter: a product of two matrices per layer, and nothing else."""


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter: adds scale x B A to the weight of each adapted linear layer.

    Attributes:
        factors: A [rank, in] and B [out, rank] by the layer's path in the decoder, head excluded.
        scale: Factor of all updates (alpha / rank).
    """

    name: str
    digest: str
    factors: Mapping[str, tuple[torch.Tensor, torch.Tensor]]
    scale: float = 1.0

    @classmethod
    def from_peft(cls, folder: Path) -> Adapter:
        """Reads an adapter in peft's format.

        Raises:
            ModelError: The folder holds none, it is damaged, or it is more than a plain LoRA.
        """
        try:
            config = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
            tensors = load_file(folder / _TENSORS)
            if any(config.get(name, value) != value for name, value in _PLAIN.items()):
                raise ValueError(f"{_CONFIG} asks for more than low-rank updates")
            paths = [name.removesuffix(".lora_A.weight") for name in tensors if name.endswith(".lora_A.weight")]
            factors = {path: tuple(tensors[f"{path}.lora_{side}.weight"] for side in "AB") for path in paths}
            scale = config["lora_alpha"] / (config["r"] ** (0.5 if config.get("use_rslora") else 1.0))
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise _unfit(folder.name, error) from error
        digest = digest_of(folder, "adapter_*")
        return cls(folder.name, digest, {_in_decoder(path): (a, b) for path, (a, b) in factors.items()}, scale)

    def weights(self, model: PreTrainedModel) -> Iterator[tuple[str, torch.Tensor]]:
        """Yields the updated weight of each layer; added in float32, so that small updates are not rounded away.

        Raises:
            ModelError: The model does not have such a layer.
        """
        for path, (a, b) in self.factors.items():
            try:
                weight: Any = model.base_model.get_submodule(path).weight
                update = (b.float() @ a.float()) * self.scale
                yield path, (weight.detach().float() + update.to(weight.device)).to(weight.dtype)
            except (AttributeError, RuntimeError) as error:
                raise _unfit(self.name, error) from error


@torch.no_grad()
def merged(model: PreTrainedModel, adapter: Adapter, scratch: Path | None) -> PreTrainedModel:
    """A copy of a decoder with an adapter merged in; it shares all other tensors with the plain one.

    Args:
        model: The plain decoder, which is not changed.
        scratch: Folder for a temporary file of the merged weights; None keeps them in memory.

    Raises:
        ModelError: The adapter does not fit.
    """
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    other = copy.deepcopy(model, shared)  # tensors in deepcopy's memo are reused instead of copied
    size = sum(b.shape[0] * a.shape[1] for a, b in adapter.factors.values()) * model.dtype.itemsize
    for path, weight in in_file(adapter.weights(model), size, scratch if model.device.type == "cpu" else None):
        layer: Any = other.base_model.get_submodule(path)
        layer.weight = nn.Parameter(weight, requires_grad=False)
    return other.requires_grad_(False)


def _in_decoder(path: str) -> str:
    """Layer paths of peft start at the model with its head, where the decoder is called ``model``."""
    return path.removeprefix(_PREFIX).removeprefix("model.")


def _unfit(name: str, error: Exception) -> ModelError:
    return ModelError(
        message("The adapter in {name} does not fit this model: {error}", name=name, error=error),
        "Run without the adapter (--plain).",
    )
