"""llama.cpp as a peer: a tiny Llama written as GGUF, answered by the real bindings where they are installed."""

import gguf
import pytest
import torch

from core.benchmarks import llama_cpp
from core.benchmarks.llama_cpp import LlamaCpp, peers
from core.errors import TesseraError
from core.models.gguf import widen
from core.settings import Settings

bindings = pytest.mark.skipif(not llama_cpp.installed(), reason="xllamacpp is not installed")
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


@pytest.fixture
def tiny_gguf(tiny_lm, tmp_path):
    """The tiny model as a GGUF file in 8 bits."""
    config, path = tiny_lm.model.config, tmp_path / "tiny.gguf"
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
    tokens = sorted(tiny_lm.tokenizer.get_vocab().items(), key=lambda item: item[1])
    writer.add_token_list([text for text, _ in tokens])
    writer.add_token_merges(["Ġ t"])
    writer.add_token_types([int(gguf.TokenType.NORMAL)] * len(tokens))
    writer.add_eos_token_id(tiny_lm.tokenizer.eos_token_id)
    for name, values in tiny_lm.model.state_dict().items():
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


@pytest.mark.parametrize(("dtype", "kind"), [("bfloat16", "BF16"), ("float32", "F32"), ("float16", "F16")])
def test_a_widened_file_holds_the_same_values_in_another_format(tiny_gguf, tmp_path, dtype, kind):
    wide = tmp_path / "wide.gguf"
    widen(tiny_gguf, wide, dtype)
    before, after = gguf.GGUFReader(tiny_gguf), gguf.GGUFReader(wide)
    assert [t.name for t in before.tensors] == [t.name for t in after.tensors]
    for old, new in zip(before.tensors, after.tensors, strict=True):
        assert new.tensor_type.name == ("F32" if len(old.shape) < 2 else kind)
        expected = torch.from_numpy(gguf.dequantize(old.data, old.tensor_type).copy())
        found = torch.from_numpy(gguf.dequantize(new.data, new.tensor_type).copy())
        rounded = expected if len(old.shape) < 2 else expected.to(getattr(torch, dtype)).float()
        assert torch.equal(rounded, found)
    said = set(before.fields) - {"general.quantization_version"}
    assert said <= set(after.fields)
    assert after.fields["tokenizer.ggml.tokens"].contents() == before.fields["tokenizer.ggml.tokens"].contents()


@bindings
def test_it_answers_anew_from_what_it_holds_and_from_what_it_saved(tiny_gguf, tmp_path):
    peer = LlamaCpp(tiny_gguf, 256, 1, tmp_path)
    context, tail = list(range(20, 80)), [7, 8, 9]
    anew = peer.answer(context + tail, 4, reuse=False)
    assert 0 < anew.ttft_ms <= anew.total_ms
    peer.save(context)
    assert (tmp_path / llama_cpp.STATE).stat().st_size > 0
    peer.restore()
    assert peer.answer(context + tail, 4, reuse=True).total_ms > 0


@bindings
def test_what_it_refuses_is_said(tiny_gguf, tmp_path):
    with pytest.raises(TesseraError, match=r"refused"):
        LlamaCpp(tiny_gguf, 256, 1, tmp_path).answer(list(range(20, 320)), 4, reuse=False)
    (tmp_path / "text.gguf").write_text("no model")
    with pytest.raises(TesseraError, match="cannot load"):
        LlamaCpp(tmp_path / "text.gguf", 128, 1, tmp_path)


def test_without_the_bindings_there_is_no_peer(tiny_lm, tmp_path, monkeypatch):
    monkeypatch.setattr(llama_cpp, "find_spec", lambda name: None)
    assert peers(tiny_lm, Settings()) == {}
    with pytest.raises(TesseraError, match="not installed"):
        LlamaCpp(tmp_path / "model.gguf", 128, 1, tmp_path)


def test_peers_are_the_same_number_format_and_the_published_one(tiny_lm, tiny_gguf, monkeypatch):
    monkeypatch.setattr(llama_cpp, "installed", lambda: True)
    monkeypatch.setattr(llama_cpp, "original_file", lambda name, home: tiny_gguf)
    assert list(peers(tiny_lm, Settings())) == ["llama_cpp", "llama_cpp_published"]
    assert tiny_gguf.with_suffix(".float32.gguf").is_file()
    monkeypatch.setattr(llama_cpp, "original_file", lambda name, home: None)
    assert peers(tiny_lm, Settings(model="qwen3-8b")) == {}
