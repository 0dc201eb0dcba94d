"""The tiny Llama of the tests as a file for llama.cpp."""

from __future__ import annotations

from pathlib import Path

import gguf
import torch

from core.models.language_model import LanguageModel

_PARTS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


def write_gguf(lm: LanguageModel, path: Path) -> Path:
    """A tiny model as a GGUF file in 8 bits."""
    config = lm.model.config
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    tokens = sorted(lm.tokenizer.get_vocab().items(), key=lambda item: item[1])
    writer.add_token_list([text for text, _ in tokens])
    writer.add_token_merges(["Ġ t"])
    writer.add_token_types([int(gguf.TokenType.NORMAL)] * len(tokens))
    writer.add_eos_token_id(lm.tokenizer.eos_token_id)
    for name, values in lm.model.state_dict().items():
        _add(writer, name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add(writer: gguf.GGUFWriter, name: str, values: torch.Tensor) -> None:
    fixed = {"model.embed_tokens.weight": "token_embd", "model.norm.weight": "output_norm", "lm_head.weight": "output"}
    parts = name.split(".")
    said = fixed.get(name) or f"blk.{parts[2]}.{_PARTS['.'.join(parts[3:-1])]}"
    array = values.float().numpy()
    if array.ndim < 2:
        writer.add_tensor(f"{said}.weight", array)
        return
    kind = gguf.GGMLQuantizationType.Q8_0
    writer.add_tensor(f"{said}.weight", gguf.quantize(array, kind), raw_dtype=kind)
