"""Low-rank adapters on every linear layer of a decoder: attached for training, merged for use.

W x + B (A x), with A [r, in] drawn small and B [out, r] started at zero (Hu et al. 2021), scale 1.
"""

from __future__ import annotations

import torch
from torch import nn
from transformers import PreTrainedModel


class LoraLinear(nn.Module):
    """A frozen linear layer with a trainable low-rank update beside it.

    Args:
        base: The layer; any module with ``in_features`` and ``out_features``, a 4-bit one included.
        rank: r.
        generator: Draws A.
    """

    def __init__(self, base: nn.Module, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        self.base = base
        inputs, outputs = int(base.in_features), int(base.out_features)  # type: ignore[arg-type]
        self.a = nn.Parameter(torch.randn(rank, inputs, generator=generator) / inputs**0.5)
        self.b = nn.Parameter(torch.zeros(outputs, rank))
        if _is_four_bit(base):
            base.state_dict()  # undoes the packing described in ``train``
            base.train()

    def train(self, mode: bool = True) -> LoraLinear:
        """Sets the mode of the adapter; a 4-bit layer beneath it stays in training mode.

        In eval mode bitsandbytes packs 4-bit weights anew for the CPU, and no gradient passes through packed ones.
        """
        super().train(mode)
        if _is_four_bit(self.base):
            self.base.train()
        return self

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The layer's output [..., out] for x [..., in], in x's number format."""
        out = self.base(x)
        narrow = x.flatten(0, -2) @ self.a.to(x.dtype).T
        return torch.addmm(out.flatten(0, -2), narrow, self.b.to(x.dtype).T).view_as(out)


def attach(model: PreTrainedModel, rank: int, seed: int) -> dict[str, LoraLinear]:
    """Wraps every linear layer of the decoder, head excluded, in place; freezes the rest.

    Returns:
        Module path of each wrapped layer to its wrapper, in the model's order.
    """
    model.requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    layers: dict[str, LoraLinear] = {}
    for path, module in list(model.base_model.named_modules()):
        for name, child in list(module.named_children()):
            if hasattr(child, "in_features") and not isinstance(module, LoraLinear):
                wrapper = LoraLinear(child, rank, generator)
                setattr(module, name, wrapper)
                layers[f"{path}.{name}" if path else name] = wrapper
    return layers


def state(layers: dict[str, LoraLinear]) -> dict[str, torch.Tensor]:
    """Tensors of all adapters by name."""
    tensors: dict[str, torch.Tensor] = {}
    for path, layer in layers.items():
        tensors[f"{path}.a"] = layer.a.detach()
        tensors[f"{path}.b"] = layer.b.detach()
    return tensors


def restore(layers: dict[str, LoraLinear], tensors: dict[str, torch.Tensor]) -> None:
    """Puts saved tensors back into attached adapters."""
    with torch.no_grad():
        for path, layer in layers.items():
            layer.a.copy_(tensors[f"{path}.a"])
            layer.b.copy_(tensors[f"{path}.b"])


def apply(model: PreTrainedModel, tensors: dict[str, torch.Tensor]) -> None:
    """Makes saved adapters a part of a plain model in place: merged, or beside weights of four bits.

    Rounding a merged weight back to four bits would lose the small update, so there it stays apart, in the weights'
    compute format.
    """
    if not is_quantised(model):
        merge(model, tensors)
        return
    rank = next(tensor.shape[0] for name, tensor in tensors.items() if name.endswith(".a"))
    layers = attach(model, rank, seed=0)
    restore(layers, tensors)
    for layer in layers.values():
        layer.to(model.device).requires_grad_(False)


def is_quantised(model: PreTrainedModel) -> bool:
    """Whether the weights are packed, so that nothing can be added to them."""
    return bool(getattr(model, "is_quantized", False))


def _is_four_bit(layer: nn.Module) -> bool:
    return hasattr(layer, "quant_state")


def merge(model: PreTrainedModel, tensors: dict[str, torch.Tensor]) -> None:
    """Adds saved adapters to a plain model's weights in place, in float32 before rounding once."""
    modules = dict(model.base_model.named_modules())
    with torch.no_grad():
        for path in sorted({name.rsplit(".", 1)[0] for name in tensors}):
            weight = modules[path].weight
            update = tensors[f"{path}.b"].float() @ tensors[f"{path}.a"].float()
            weight.copy_((weight.float() + update.to(weight.device)).to(weight.dtype))
