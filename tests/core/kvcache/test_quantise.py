"""Number formats of stored keys and values: what they weigh, what they lose, and that they come back."""

import pytest
import torch
from safetensors import safe_open

from core.errors import TesseraError
from core.kvcache.build import build_cells
from core.kvcache.identity import PRECISIONS, chosen_precision
from core.kvcache.quantise import bits_per_number, decode, encode
from core.kvcache.store import CacheStore
from tests.models import tiny_language_model


def kv(tokens=150, seed=0):
    """[2, tokens, 16], where a few channels are large in every token, as in real keys."""
    random = torch.Generator().manual_seed(seed)
    numbers = torch.randn(2, tokens, 16, generator=random)
    return numbers * torch.where(torch.arange(16) % 5 == 0, 20.0, 1.0) + torch.arange(16) * 0.3


def back(numbers, precision, keys):
    return decode(encode(numbers, precision, keys), precision, keys, numbers.dtype)


def error(numbers, precision, keys):
    return float((back(numbers, precision, keys) - numbers).square().mean().sqrt() / numbers.square().mean().sqrt())


@pytest.mark.parametrize("keys", [True, False])
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("tokens", [1, 63, 64, 65, 150])
def test_shape_and_number_format_come_back(precision, keys, tokens):
    numbers = kv(tokens).to(torch.bfloat16)
    again = back(numbers, precision, keys)
    assert again.shape == numbers.shape
    assert again.dtype == torch.bfloat16
    assert torch.isfinite(again).all()


@pytest.mark.parametrize("keys", [True, False])
def test_fewer_bits_lose_more_and_none_loses_much(keys):
    lost = {precision: error(kv(), precision, keys) for precision in PRECISIONS}
    assert lost["float32"] == 0
    assert lost["float16"] < lost["bfloat16"] < lost["int8"] < lost["int4"] < 0.12
    assert lost["fp8"] < 0.04


def test_full_precision_is_bit_for_bit_and_shares_memory():
    numbers = kv()
    parts = encode(numbers, "float32", True)
    assert decode(parts, "float32", True, torch.float32).data_ptr() == parts[""].data_ptr()
    assert torch.equal(back(numbers.to(torch.bfloat16), "float32", True), numbers.to(torch.bfloat16))


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_keys_are_better_kept_by_channel(precision):
    # The reason for KIVI's layout: a step per token must span the large channels, and drowns the small ones.
    numbers, small = kv(), torch.arange(16) % 5 != 0
    lost = {keys: (back(numbers, precision, keys) - numbers)[..., small].abs().mean() for keys in (True, False)}
    assert lost[True] < 0.2 * lost[False]


@pytest.mark.parametrize("precision", ["int8", "int4"])
@pytest.mark.parametrize("keys", [True, False])
def test_no_number_is_further_off_than_half_a_step(precision, keys):
    numbers = kv(128)
    parts = encode(numbers, precision, keys)
    scale = parts["scale"].float()
    steps = scale.repeat_interleave(64, 1) if keys else scale
    assert ((back(numbers, precision, keys) - numbers).abs() <= 0.5001 * steps.expand_as(numbers) + 1e-6).all()


def test_every_fp8_number_is_decoded_as_torch_does():
    codes = torch.arange(256, dtype=torch.uint8).view(torch.float8_e4m3fn)
    numbers = codes.float()
    finite = ~numbers.isnan()
    ones = torch.ones(1, 1, 1)
    decoded = decode({"": codes[None, None], "scale": ones}, "fp8", True, torch.float32)[0, 0]
    assert torch.equal(decoded[finite], numbers[finite])


def test_two_int4_codes_share_a_byte():
    assert encode(kv(), "int4", True)[""].shape == (2, 150, 8)


@pytest.mark.parametrize("precision", ["int8", "int4", "fp8"])
def test_constant_and_zero_tensors_survive(precision):
    for value in (0.0, 3.0, -0.001):
        numbers = torch.full((2, 70, 16), value)
        assert torch.allclose(back(numbers, precision, True), numbers, atol=2e-3)


def test_numbers_beyond_the_steps_are_refused():
    with pytest.raises(TesseraError, match="too large") as refusal:
        encode(kv() * 1e6, "int8", True)
    assert "bfloat16" in refusal.value.remedy


def test_names():
    assert chosen_precision("auto", torch.bfloat16) == "bfloat16"
    assert chosen_precision("int4", torch.float32) == "int4"
    with pytest.raises(TesseraError, match="int3"):
        chosen_precision("int3", torch.float32)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_cell_is_written_and_answered_from_in_every_precision(tmp_path, tiny_lm, tiny_corpus, precision):
    passages = list(tiny_corpus.passages[:6])
    list(build_cells(tmp_path, tiny_lm, [passages], {}, precision=precision))
    store = CacheStore(tmp_path)
    loaded = store.load(0, tiny_lm, tiny_lm.prompt.context(passages))
    assert loaded.layers[0][0].dtype == tiny_lm.dtype
    with safe_open(store.path(store.entry(0)), "pt") as file:
        assert file.metadata()["precision"] == precision
    # 16 channels a head here: a step and a least value for every 16 numbers of the values, not for every 64.
    bits = bits_per_number(precision) + (32 / 16 - 32 / 64) / 2 * (precision in ("int8", "int4"))
    expected = loaded.tokens * tiny_lm.kv_bytes_per_token * bits / 32
    assert store.entry(0).bytes == pytest.approx(expected, rel=0.08, abs=4000)
    whole, cached = tiny_lm.session(), tiny_lm.session(loaded.cache())
    tail = tiny_lm.prompt.tail("Who built the lighthouse?")
    whole.prefill(tiny_lm.prompt.context(passages) + tail)
    cached.prefill(tail)
    off = float((whole.logits - cached.logits).abs().max() / whole.logits.abs().max())
    assert off < {"float32": 1e-5, "float16": 0.01, "bfloat16": 0.03, "int8": 0.05, "fp8": 0.2, "int4": 0.6}[precision]


def test_a_model_in_bfloat16_reads_what_it_wrote(tmp_path, tiny_corpus):
    half = tiny_language_model()
    half.model.to(torch.bfloat16)
    passages = list(tiny_corpus.passages[:3])
    for precision in ("auto", "int8", "float32"):
        folder = tmp_path / precision
        list(build_cells(folder, half, [passages], {}, precision=precision))
        assert CacheStore(folder).load(0, half).layers[0][0].dtype == torch.bfloat16
