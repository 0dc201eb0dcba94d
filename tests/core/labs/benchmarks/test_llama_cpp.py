"""llama.cpp as a peer: a tiny Llama written as GGUF, answered by the real bindings where they are installed."""

import gguf
import pytest
import torch

from core.errors import TesseraError
from core.labs.benchmarks import llama_cpp
from core.labs.benchmarks.llama_cpp import LlamaCpp, peers
from core.models.gguf import dequantise
from core.settings import Settings
from tests.tiny_gguf import write_gguf

bindings = pytest.mark.skipif(not llama_cpp.installed(), reason="xllamacpp is not installed")


@pytest.fixture
def tiny_gguf(tiny_lm, tmp_path):
    return write_gguf(tiny_lm, tmp_path / "tiny.gguf")


@pytest.mark.parametrize(("dtype", "kind"), [("bfloat16", "BF16"), ("float32", "F32"), ("float16", "F16")])
def test_a_widened_file_holds_the_same_values_in_another_format(tiny_gguf, tmp_path, dtype, kind):
    wide = tmp_path / "wide.gguf"
    dequantise(tiny_gguf, wide, dtype)
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
    peer = LlamaCpp(tiny_gguf, 1, 256, tmp_path)
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
        LlamaCpp(tiny_gguf, 1, 256, tmp_path).answer(list(range(20, 320)), 4, reuse=False)
    (tmp_path / "text.gguf").write_text("no model")
    with pytest.raises(TesseraError, match="cannot load"):
        LlamaCpp(tmp_path / "text.gguf", 1, 128, tmp_path)


def test_without_the_bindings_there_is_no_peer(tiny_lm, tmp_path, monkeypatch):
    monkeypatch.setattr(llama_cpp, "find_spec", lambda name: None)
    assert peers(tiny_lm, Settings()) == {}
    with pytest.raises(TesseraError, match="not installed"):
        LlamaCpp(tmp_path / "model.gguf", 1, 128, tmp_path)


def test_peers_are_the_same_number_format_and_the_published_one(tiny_lm, tiny_gguf, monkeypatch):
    monkeypatch.setattr(llama_cpp, "installed", lambda: True)
    monkeypatch.setattr(llama_cpp, "original_file", lambda name, home: tiny_gguf)
    assert list(peers(tiny_lm, Settings())) == ["llama_cpp", "llama_cpp_published"]
    assert tiny_gguf.with_suffix(".float32.gguf").is_file()
    monkeypatch.setattr(llama_cpp, "original_file", lambda name, home: None)
    assert peers(tiny_lm, Settings(model="qwen3-8b")) == {}
