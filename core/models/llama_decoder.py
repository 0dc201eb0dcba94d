"""A short forward pass for Llama models: one sequence, its KV cache, and the logits after its last tokens.

transformers spends much of a token's time beside the arithmetic: a mask, masks' bookkeeping, keys and values repeated
for every query head, and weights that oneDNN reorders in every call. Here the query heads that share a key head are
laid side by side, so that nothing is repeated; a single token needs no mask; and on CPUs the weights are reordered
once, after which a few tokens take no longer than one. The result is the same up to the order of additions (tests hold
it to 1e-4 in float32).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

import torch
from torch import nn
from torch.nn import functional as F
from transformers import DynamicCache, LlamaForCausalLM, PreTrainedModel
from transformers.models.llama.modeling_llama import LlamaDecoderLayer

Linear = Callable[[torch.Tensor], torch.Tensor]
_PACKED_BYTES = 2_000_000_000
"""Largest model whose weights are kept a second time, reordered; beyond that memory is worth more."""


def decoder_for(model: PreTrainedModel) -> LlamaDecoder | None:
    """The short forward pass, where it computes what the model computes; None otherwise."""
    if type(model) is not LlamaForCausalLM or getattr(model, "is_quantized", False):
        return None
    config = model.config
    if config.hidden_act != "silu" or model.model.rotary_emb.rope_type in ("dynamic", "longrope"):
        return None
    plain = all(type(module) is nn.Linear and module.bias is None for module in _linears(model))
    return LlamaDecoder(model) if plain else None


class LlamaDecoder:
    """The forward pass of one model, with its weights as they are now.

    Attributes:
        cheap_rows: Whether a few tokens take about as long as one, because the time goes into reading weights. Where
            they are not reordered, a CPU multiplies several rows by another kernel than one, and takes longer.

    Args:
        model: A Llama of plain linear layers without biases.
    """

    def __init__(self, model: LlamaForCausalLM) -> None:
        config = model.config
        self._seen = [(module, _stamp(module)) for module in _linears(model)]
        self._model = model
        self._heads, self._kv_heads = config.num_attention_heads, cast(int, config.num_key_value_heads)
        self._dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        bytes_ = sum(module.weight.nbytes for module, _ in self._seen)
        packed = model.device.type == "cpu" and bytes_ <= _PACKED_BYTES and _packs(model.dtype)
        self.cheap_rows = packed or model.device.type == "cuda"
        linear = _packed if packed else _in_place
        with torch.inference_mode():
            self._layers = [_Layer(layer, linear) for layer in model.model.layers]
            self._logits = linear(model.lm_head)

    def holds(self) -> bool:
        """Whether the model still has the linear layers and weights that this was made of."""
        now = list(_linears(self._model))
        return len(now) == len(self._seen) and all(
            module is seen and _stamp(module) == stamp for module, (seen, stamp) in zip(now, self._seen, strict=True)
        )

    def forward(
        self, hidden: torch.Tensor, cache: DynamicCache, last: int = 1, places: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Appends tokens to the cache.

        Args:
            hidden: [tokens, hidden] embeddings.
            cache: Keys and values of what stands before them; grows.
            last: After how many of the tokens, counted from the end, logits are wanted.
            places: [tokens] positions of tokens that stand within the cache already; it must write them there.

        Returns:
            Logits [last, vocabulary].
        """
        past, new = int(cache.get_seq_length()), len(hidden)
        positions = torch.arange(past, past + new, device=hidden.device) if places is None else places
        cos, sin = self._model.model.rotary_emb(hidden[None], positions[None])
        # rotate_half negates its first half: the sign goes into the sine, once for all layers.
        half = self._dim // 2
        turn = (cos[0][:, None], torch.cat([-sin[0][:, :half], sin[0][:, half:]], dim=-1)[:, None])
        mask = self._mask(positions, past + new if places is None else past, hidden)
        for number, layer in enumerate(self._layers):
            hidden = hidden + self._attend(layer, number, hidden, turn, mask, cache)
            gate, up = layer.gate_up(layer.before_mlp(hidden)).chunk(2, dim=-1)
            hidden = hidden + layer.down(F.silu(gate) * up)
        return self._logits(_norm(self._model.model.norm)(hidden[-last:]))

    def _attend(
        self,
        layer: _Layer,
        number: int,
        hidden: torch.Tensor,
        turn: tuple[torch.Tensor, torch.Tensor],
        mask: torch.Tensor | None,
        cache: DynamicCache,
    ) -> torch.Tensor:
        new, turned = len(hidden), self._heads + self._kv_heads
        heads = layer.qkv(layer.before_attention(hidden)).view(new, turned + self._kv_heads, self._dim)
        first, second = heads[:, :turned].chunk(2, dim=-1)
        rotated = heads[:, :turned] * turn[0] + torch.cat([second, first], dim=-1) * turn[1]
        keys, values = cache.update(
            rotated[:, self._heads :].transpose(0, 1)[None], heads[:, turned:].transpose(0, 1)[None], number
        )
        # [kv heads, query heads of each x tokens, dim]: the query heads of a group look at the same keys.
        queries = rotated[:, : self._heads].view(new, self._kv_heads, -1, self._dim).permute(1, 2, 0, 3)
        seen = F.scaled_dot_product_attention(
            queries.reshape(1, self._kv_heads, -1, self._dim), keys, values, attn_mask=mask
        )
        seen = seen.view(self._kv_heads, -1, new, self._dim).permute(2, 0, 1, 3)
        return layer.out(seen.reshape(new, -1))

    def _mask(self, positions: torch.Tensor, total: int, like: torch.Tensor) -> torch.Tensor | None:
        """[query heads of a group x new, total] to add to the scores; None for a single token at the end."""
        if len(positions) == 1 and total == int(positions[0]) + 1:
            return None
        later = torch.arange(total, device=like.device) > positions[:, None]
        mask = like.new_zeros(later.shape).masked_fill_(later, float("-inf"))
        return mask.repeat(self._heads // self._kv_heads, 1)


class _Layer:
    """Linear layers and norms of one decoder layer."""

    def __init__(self, layer: LlamaDecoderLayer, linear: Callable[..., Linear]) -> None:
        attention, mlp = layer.self_attn, layer.mlp
        self.before_attention = _norm(layer.input_layernorm)
        self.qkv = linear(attention.q_proj, attention.k_proj, attention.v_proj)
        self.out = linear(attention.o_proj)
        self.before_mlp = _norm(layer.post_attention_layernorm)
        self.gate_up = linear(mlp.gate_proj, mlp.up_proj)
        self.down = linear(mlp.down_proj)


def _norm(module: nn.Module) -> Linear:
    weight, eps = module.weight, module.variance_epsilon
    return lambda x: F.rms_norm(x, x.shape[-1:], weight, eps)  # type: ignore[arg-type]


def _in_place(*layers: nn.Linear) -> Linear:
    weights = [layer.weight for layer in layers]
    if len(weights) == 1:
        return lambda x: F.linear(x, weights[0])
    return lambda x: torch.cat([F.linear(x, weight) for weight in weights], dim=-1)


def _packed(*layers: nn.Linear) -> Linear:
    weight = torch.cat([layer.weight for layer in layers]) if len(layers) > 1 else layers[0].weight
    ordered = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), 1)
    multiply = torch.ops.mkldnn._linear_pointwise
    return lambda x: multiply(x, ordered, None, "none", [], "")


def _packs(dtype: torch.dtype) -> bool:
    x86 = torch.backends.cpu.get_cpu_capability().startswith("AVX")
    if not x86 or not torch.backends.mkldnn.is_available():
        return False
    return dtype == torch.float32 or (dtype == torch.bfloat16 and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()))


def _linears(model: LlamaForCausalLM) -> Iterator[nn.Linear]:
    for layer in model.model.layers:
        attention, mlp = layer.self_attn, layer.mlp
        yield from (attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj)
        yield from (mlp.gate_proj, mlp.up_proj, mlp.down_proj)
    yield model.lm_head


def _stamp(module: nn.Linear) -> tuple[object, ...]:
    """Changes when the weights do."""
    weight = module.weight
    return weight.data_ptr(), weight._version, weight.dtype, weight.device
