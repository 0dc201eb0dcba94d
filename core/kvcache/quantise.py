"""Quantisation of stored keys and values: encoded when a cell is written, decoded when it is loaded.

    float32 bfloat16 float16   the numbers themselves, rounded to that format
    fp8                        float8_e4m3fn with a scale for every head and channel
    int8 int4                  keys per channel, values per token, as in KIVI (Liu et al. 2024, arXiv 2402.02750)

Keys have a few channels that are large in every token and values do not, so keys get a scale per channel and values a
scale per token. For each group of 64 numbers, the integer formats store the minimum (``low``) and the step between two
codes (``scale``) in float16, which adds half a bit per number. Two int4 codes share a byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from core.errors import TesseraError

GROUP = 64
"""Tokens that share one scale per channel of the keys; a value token has one scale for all channels of a head."""
NATIVE = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_FP8_MAX = 448.0
_CODES = {"int8": 255, "int4": 15}

Parts = dict[str, torch.Tensor]
"""An encoded tensor: codes (or the numbers themselves) under "", and "scale" and "low" where the format needs them."""


@dataclass(frozen=True)
class _Groups:
    """How a tensor [heads, tokens, channels] is grouped: the axis along which numbers share a scale, and how many."""

    axis: int
    size: int


def bits_per_number(precision: str) -> float:
    """Bits per stored number, scales and minima included."""
    if precision in NATIVE:
        return NATIVE[precision].itemsize * 8
    return {"fp8": 8.0, "int8": 8.0 + 32 / GROUP, "int4": 4.0 + 32 / GROUP}[precision]


def encode(tensor: torch.Tensor, precision: str, keys: bool) -> Parts:
    """Keys or values [heads, tokens, channels] as they are stored.

    Args:
        tensor: On the CPU.
        precision: One of ``core.kvcache.identity.PRECISIONS``.
        keys: Whether these are keys.

    Raises:
        TesseraError: A number is too large for the format.
    """
    if precision in NATIVE:
        return {"": tensor.to(NATIVE[precision]).contiguous()}
    numbers = tensor.float()
    if precision == "fp8":
        scale = (numbers.abs().amax(1, keepdim=True) / _FP8_MAX).clamp_min(torch.finfo(torch.float32).tiny)
        return {"": (numbers / scale).to(torch.float8_e4m3fn).contiguous(), "scale": scale.contiguous()}
    return _encode_integers(numbers, precision, _groups(numbers, keys))


def decode(parts: Mapping[str, torch.Tensor], precision: str, keys: bool, dtype: torch.dtype) -> torch.Tensor:
    """Undoes ``encode``: [heads, tokens, channels] as ``dtype``; a view where nothing has to be converted."""
    if precision in NATIVE:
        return parts[""].to(dtype)
    if precision == "fp8":
        return _from_fp8(parts[""]).mul_(parts["scale"]).to(dtype)
    codes = _unpack(parts[""]) if precision == "int4" else parts[""]
    groups = _groups(codes, keys)
    grouped = _split_groups(codes.to(torch.float32), groups)
    numbers = grouped.mul_(_per_group(parts["scale"], groups)).add_(_per_group(parts["low"], groups))
    return _merge_groups(numbers, groups, codes.shape).to(dtype)


def _encode_integers(numbers: torch.Tensor, precision: str, groups: _Groups) -> Parts:
    top = _CODES[precision]
    grouped = _split_groups(numbers, groups)
    axis = groups.axis + 1
    # low is rounded down and scale up before the codes are computed from them, so every number stays within the codes.
    low = _rounded(grouped.amin(axis, keepdim=True), down=True)
    scale = _rounded((grouped.amax(axis, keepdim=True) - low.float()) / top, down=False)
    codes = ((grouped - low.float()) / scale.float()).round_().clamp_(0, top).to(torch.uint8)
    joined = _merge_groups(codes, groups, numbers.shape)
    return {
        "": _pack(joined) if precision == "int4" else joined.contiguous(),
        "scale": scale.squeeze(axis).contiguous(),
        "low": low.squeeze(axis).contiguous(),
    }


def _rounded(numbers: torch.Tensor, down: bool) -> torch.Tensor:
    """float16, rounded towards minus or plus infinity; rounding up never gives 0."""
    half = numbers.half()
    wrong = half.float() > numbers if down else half.float() < numbers
    towards = torch.tensor(float("-inf") if down else float("inf"), dtype=torch.float16)
    half = torch.where(wrong, torch.nextafter(half, towards), half)
    if not down:
        half = half.clamp_min(torch.finfo(torch.float16).tiny)
    if not torch.isfinite(half).all():
        raise TesseraError(
            "Keys or values are too large to be kept as integers.", "Take fp8, bfloat16 or float32 as the precision."
        )
    return half


def _groups(tensor: torch.Tensor, keys: bool) -> _Groups:
    return _Groups(1, GROUP) if keys else _Groups(2, tensor.shape[2])


def _split_groups(tensor: torch.Tensor, groups: _Groups) -> torch.Tensor:
    """Splits ``groups.axis`` in two, groups and members; the last group is padded with its last number."""
    count = tensor.shape[groups.axis]
    lacking = -count % groups.size
    if lacking:
        last = tensor.narrow(groups.axis, count - 1, 1)
        tensor = torch.cat([tensor, last.repeat_interleave(lacking, groups.axis)], groups.axis)
    return tensor.unflatten(groups.axis, (-1, groups.size))


def _merge_groups(grouped: torch.Tensor, groups: _Groups, shape: torch.Size) -> torch.Tensor:
    """Undoes ``_split_groups``."""
    joined = grouped.flatten(groups.axis, groups.axis + 1)
    return joined.narrow(groups.axis, 0, shape[groups.axis])


def _per_group(stored: torch.Tensor, groups: _Groups) -> torch.Tensor:
    return stored.float().unsqueeze(groups.axis + 1)


def _from_fp8(codes: torch.Tensor) -> torch.Tensor:
    """float8_e4m3fn as float32, several times as fast as ``.to`` on a CPU.

    After a shift, sign, exponent and mantissa are those of a bfloat16 whose exponent is too small by 120 (the biases
    are 127 and 7). This is right for subnormal numbers too; there are no NaNs among the codes.
    """
    if codes.device.type != "cpu":
        return codes.to(torch.float32)
    bits = codes.view(torch.uint8).to(torch.int16)
    bits = bits.bitwise_and(0x80).bitwise_left_shift_(8).bitwise_or_(bits.bitwise_and(0x7F).bitwise_left_shift_(4))
    return bits.view(torch.bfloat16).to(torch.float32).mul_(2.0**120)


def _pack(codes: torch.Tensor) -> torch.Tensor:
    """Packs two 4-bit codes into a byte: channels of the first half in the low bits, of the second in the high bits."""
    low, high = codes.chunk(2, dim=-1)
    return low | (high << 4)


def _unpack(packed: torch.Tensor) -> torch.Tensor:
    return torch.cat([packed & 15, packed >> 4], dim=-1)
