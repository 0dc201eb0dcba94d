"""A fast forward pass for Llama models: one sequence, its KV cache, and the logits after its last tokens.

transformers spends much of each token's time outside the arithmetic: building masks, repeating keys and values for
every query head, and letting oneDNN reorder the weights in every call. Here the query heads of a group share one matrix
product, so nothing is repeated; a single token needs no mask; and on CPUs the weights are reordered once, after which a
few tokens take no longer than one. Results differ only by the order of additions (1e-4 in float32, as tested).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import cast

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.weak import WeakIdKeyDictionary
from transformers import DynamicCache, LlamaForCausalLM, PreTrainedModel
from transformers.models.llama.modeling_llama import LlamaDecoderLayer

from core.models.kv_buffer import BufferLayer

Linear = Callable[[torch.Tensor], torch.Tensor]
_PACKED_BYTES = 2_000_000_000
"""Largest model that gets a second, reordered copy of its weights."""


_FEW = 8
"""Several tokens of decoding, a token and its drafts, are padded to this many: they take no longer than one."""
_ROWS = 16 if torch.cpu._is_amx_tile_supported() else 4
"""Prompts are padded to a multiple of this many tokens. For every new length oneDNN and attention generate machine
code: about 10 ms and .5 to 1.4 MB, of which attention's never goes back. A tile of AMX has sixteen rows anyway."""
_COLUMNS = 64
"""Attention sees a multiple of this many keys, for the same reason."""
_heads: WeakIdKeyDictionary = WeakIdKeyDictionary()


def decoder_for(model: PreTrainedModel) -> LlamaDecoder | None:
    """The fast forward pass of a model, or None if it does not support the model's architecture."""
    if type(model) is not LlamaForCausalLM or getattr(model, "is_quantized", False):
        return None
    config = model.config
    if config.hidden_act != "silu" or model.model.rotary_emb.rope_type in ("dynamic", "longrope"):
        return None
    plain = all(type(module) is nn.Linear and module.bias is None for module in _linears(model))
    return LlamaDecoder(model) if plain else None


class LlamaDecoder:
    """The forward pass of one model with its current weights.

    Attributes:
        packed: Whether it uses a reordered copy of the model's weights.
        logits: The head, from normed hidden states (T, hidden) to (T, vocabulary).
        cheap_rows: Whether a few tokens take about as long as one, because reading the weights dominates. Without
            reordered weights, a CPU uses a slower kernel for several rows than for one.

    Args:
        model: A Llama model with plain linear layers without biases.
    """

    def __init__(self, model: LlamaForCausalLM) -> None:
        config = model.config
        self._sources = [(module, _stamp(module)) for module in _linears(model)]
        self._model = model
        self._n_heads, self._n_kv_heads = config.num_attention_heads, cast(int, config.num_key_value_heads)
        self._head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        size = sum(module.weight.nbytes for module, _ in self._sources)
        packed = model.device.type == "cpu" and size <= _PACKED_BYTES and _can_pack(model.dtype)
        self.packed = packed
        self.cheap_rows = packed or model.device.type == "cuda"
        linear = _packed if packed else _unpacked
        with torch.inference_mode():
            self._layers = [_Layer(layer, linear) for layer in model.model.layers]
            self.logits = _shared_head(model.lm_head) if packed else linear(model.lm_head)

    def is_current(self) -> bool:
        """Whether the model's linear layers and weights are unchanged since this was created."""
        modules = list(_linears(self._model))
        return len(modules) == len(self._sources) and all(
            module is source and _stamp(module) == stamp
            for module, (source, stamp) in zip(modules, self._sources, strict=True)
        )

    def forward(
        self,
        hidden: torch.Tensor,
        cache: DynamicCache,
        rows: slice | Sequence[int] = slice(-1, None),
        positions: torch.Tensor | None = None,
        seen: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Appends tokens to the cache and returns the logits after some of them, by default the last.

        Args:
            hidden: Embeddings (T, hidden).
            cache: Keys and values of the tokens before them; grows.
            rows: The tokens to return logits for.
            positions: (T,) positions of tokens to recompute within the cache, which must overwrite them; with ``seen``,
                of tokens to append.
            seen: (T, total) which tokens of the cache, the new ones included, each new token attends to; by default all
                up to its position.

        Returns:
            Logits (number of rows, vocabulary).
        """
        states = self.states(hidden, cache, len(self._layers), positions, seen)
        return self.logits(_norm(self._model.model.norm)(states[rows]))

    def states(
        self,
        hidden: torch.Tensor,
        cache: DynamicCache,
        layers: int,
        positions: torch.Tensor | None = None,
        seen: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Hidden states (T, hidden) of tokens after the first ``layers`` layers, to which the cache belongs."""
        T, total = len(hidden), int(cache.get_seq_length())
        if positions is None:
            positions = torch.arange(total, total + T, device=hidden.device)
            total += T
        if seen is None:
            seen = torch.arange(total, device=hidden.device) <= positions[:, None]
        if self.packed and T > 1:
            more = -T % _ROWS if T > _FEW else _FEW - T
            hidden, seen = F.pad(hidden, (0, 0, 0, more)), F.pad(seen, (0, 0, 0, more), value=True)
            positions = F.pad(positions, (0, more))
        rotary = self._model.model.rotary_emb(hidden[None], positions[None])
        cos, sin = (part[0, :, None] for part in rotary)
        # rotate_half negates its first half; here the sign goes into sin, once for all layers. (T, 1, head_dim)
        half = self._head_dim // 2
        sin = torch.cat([-sin[..., :half], sin[..., half:]], dim=-1)
        mask = self._mask(seen, hidden)
        for number, layer in enumerate(self._layers[:layers]):
            hidden = hidden + self._attend(layer, number, hidden, T, (cos, sin), mask, cache)
            gate, up = layer.gate_up(layer.before_mlp(hidden)).chunk(2, dim=-1)
            hidden = hidden + layer.down(F.silu(gate) * up)
        return hidden[:T]

    def _attend(
        self,
        layer: _Layer,
        number: int,
        hidden: torch.Tensor,
        new: int,
        cos_sin: tuple[torch.Tensor, torch.Tensor],
        mask: torch.Tensor | None,
        cache: DynamicCache,
    ) -> torch.Tensor:
        T, (cos, sin) = len(hidden), cos_sin
        n_rotary_heads = self._n_heads + self._n_kv_heads  # queries and keys; values are not rotated
        qkv = layer.qkv(layer.before_attention(hidden)).view(T, n_rotary_heads + self._n_kv_heads, self._head_dim)
        qk, v = qkv[:, :n_rotary_heads], qkv[:, n_rotary_heads:]  # (T, heads, head_dim)
        first, second = qk.chunk(2, dim=-1)
        q, k = (qk * cos + torch.cat([second, first], dim=-1) * sin).split([self._n_heads, self._n_kv_heads], dim=1)
        keys, values = cache.update(k[:new].transpose(0, 1)[None], v[:new].transpose(0, 1)[None], number)
        if mask is not None:
            keys, values = _widened(cache.layers[number], keys, values, mask.shape[-1])
        # (1, n_kv_heads, heads of a group x T, head_dim): the query heads of a group attend to the same keys.
        q = q.view(T, self._n_kv_heads, -1, self._head_dim).permute(1, 2, 0, 3)
        q = q.reshape(1, self._n_kv_heads, -1, self._head_dim)
        attn_out = F.scaled_dot_product_attention(q, keys, values, attn_mask=mask)
        attn_out = attn_out.view(self._n_kv_heads, -1, T, self._head_dim).permute(2, 0, 1, 3)  # (T, kv, group, dim)
        return layer.out(attn_out.reshape(T, -1))

    def _mask(self, seen: torch.Tensor, like: torch.Tensor) -> torch.Tensor | None:
        """Additive mask (heads of a group x T, total or more); None for a single token that attends to all."""
        if len(seen) == 1 and bool(seen.all()):
            return None
        if self.packed:
            seen = F.pad(seen, (0, -seen.shape[1] % _COLUMNS))
        mask = like.new_zeros(seen.shape).masked_fill_(~seen, float("-inf"))
        return mask.repeat(self._n_heads // self._n_kv_heads, 1)


def _widened(layer: object, keys: torch.Tensor, values: torch.Tensor, tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Keys and values (1, n_kv_heads, tokens, head_dim), those behind the last token being any finite numbers."""
    padded = layer.padded(tokens) if isinstance(layer, BufferLayer) else None
    if padded is not None:
        return padded
    behind = (0, 0, 0, tokens - keys.shape[-2])
    return F.pad(keys, behind), F.pad(values, behind)


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


def _unpacked(*layers: nn.Linear) -> Linear:
    weights = [layer.weight for layer in layers]
    if len(weights) == 1:
        return lambda x: F.linear(x, weights[0])
    return lambda x: torch.cat([F.linear(x, weight) for weight in weights], dim=-1)


def _packed(*layers: nn.Linear) -> Linear:
    weight = torch.cat([layer.weight for layer in layers]) if len(layers) > 1 else layers[0].weight
    ordered = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), 1)
    multiply = torch.ops.mkldnn._linear_pointwise
    return lambda x: multiply(x, ordered, None, "none", [], "")


def _shared_head(head: nn.Linear) -> Linear:
    """The packed head, cached for all models that share its weight: adapters do not change it."""
    stamp, packed = _heads.get(head.weight, (None, None))
    if packed is None or stamp != _stamp(head):
        packed = _packed(head)
        _heads[head.weight] = _stamp(head), packed
    return packed


def _can_pack(dtype: torch.dtype) -> bool:
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
    """A version of the layer's weights; differs after any change."""
    weight = module.weight
    return weight.data_ptr(), weight._version, weight.dtype, weight.device
