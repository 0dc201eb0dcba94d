"""LoRA (Hu et al. 2021) by peft on every linear layer of a decoder: attached for training, merged for use.

Adapters are named ``LAYER.a`` [rank, in] and ``LAYER.b`` [out, rank]; the scale is 1.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from core.models.adapter import Adapter
from core.models.language_model import LanguageModel

_ADAPTER = "default"


def attach(model: PreTrainedModel, rank: int, seed: int) -> dict[str, nn.Parameter]:
    """Adapts every linear layer of the decoder, head excluded, in place; freezes the rest.

    Returns:
        The adapters by name, in the model's order, float32: A drawn with variance 1 / in, B zero.
    """
    # Importing peft takes seconds that a memory which is only read need not wait for.
    from peft import LoraConfig, inject_adapter_in_model
    from peft.tuners.lora import LoraLayer

    model.requires_grad_(False)
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=rank, target_modules="all-linear"), model, _ADAPTER)
    generator = torch.Generator().manual_seed(seed)
    adapters: dict[str, nn.Parameter] = {}
    for path, module in model.base_model.named_modules():
        if isinstance(module, LoraLayer):
            layer: Any = module
            a, b = layer.lora_A[_ADAPTER].weight, layer.lora_B[_ADAPTER].weight
            a.data = (torch.randn(a.shape, generator=generator) / a.shape[1] ** 0.5).to(model.device)
            b.data = torch.zeros_like(b, dtype=torch.float32)
            adapters |= {f"{path}.a": a, f"{path}.b": b}
    return adapters


@torch.no_grad()
def restore(adapters: dict[str, nn.Parameter], tensors: dict[str, torch.Tensor]) -> None:
    """Loads saved tensors into attached adapters."""
    for name, parameter in adapters.items():
        parameter.copy_(tensors[name])


def applied(lm: LanguageModel, tensors: dict[str, torch.Tensor], digest: str) -> LanguageModel:
    """A plain model with saved adapters: merged, or beside weights of four bits; ``lm`` stays as it is.

    Rounding a merged weight back to four bits would lose the small update, so there it stays apart, in the weights'
    compute format.

    Raises:
        ModelError: They do not fit the model.
    """
    if not is_quantised(lm.model):
        paths = dict.fromkeys(name.rsplit(".", 1)[0] for name in tensors)
        factors = {path: (tensors[f"{path}.a"], tensors[f"{path}.b"]) for path in paths}
        return lm.with_adapter(Adapter("memory", digest, factors))
    model = copy.deepcopy(lm.model).requires_grad_(False)
    rank = next(tensor.shape[0] for name, tensor in tensors.items() if name.endswith(".a"))
    adapters = attach(model, rank, seed=0)
    restore(adapters, tensors)
    for parameter in adapters.values():
        parameter.data = parameter.data.to(_dtype(model))
        parameter.requires_grad_(False)
    return LanguageModel(model, lm.tokenizer, replace(lm.identity, adapter=digest))


def _dtype(model: PreTrainedModel) -> torch.dtype:
    weight: Any = model.get_input_embeddings().weight
    dtype: torch.dtype = weight.dtype
    return dtype


def is_quantised(model: PreTrainedModel) -> bool:
    """Whether the weights are quantised, so that an adapter cannot be merged into them."""
    return bool(getattr(model, "is_quantized", False))


@contextmanager
def gradient_pass(model: PreTrainedModel) -> Iterator[None]:
    """What a pass with gradients needs inside the body, in the model's own number format.

    Adapters are kept in float32 and multiply in the model's format, instead of every activation being widened to
    theirs. Attention is plain: on a CPU the fused kernel's backward is ten times slower at ~70 tokens. Weights of four
    bits are in training mode: in eval mode bitsandbytes packs them anew for the CPU, and no gradient passes through
    packed ones; reading their state undoes it.
    """
    from peft.helpers import disable_input_dtype_casting

    before = model.config._attn_implementation
    four_bit = [layer for layer in model.modules() if hasattr(layer, "quant_state")]
    dtype = _dtype(model)
    narrow = nullcontext() if dtype == torch.float32 else torch.autocast(model.device.type, dtype)
    for layer in four_bit:
        layer.state_dict()
        layer.train()
    if model.device.type == "cpu":
        model.set_attn_implementation("eager")
    try:
        with disable_input_dtype_casting(model, dtype != torch.float32), narrow:
            yield
    finally:
        model.set_attn_implementation(before)
        for layer in four_bit:
            layer.eval()
