"""Number formats in which keys and values are kept. They are encoded when a cell is written, decoded when it is loaded.

    float32 bfloat16 float16   the numbers themselves, rounded to that format
    fp8                        float8_e4m3fn with a scale for every head and channel
    int8 int4                  keys per channel, values per token, as in KIVI (Liu et al. 2024, arXiv 2402.02750)

Keys have a few channels that are large in every token, values have not: a scale per channel fits keys, a scale per
token fits values. An integer format keeps for each group of 64 numbers its least value and the step between two
codes, both in float16: half a bit per number. Two int4 codes share a byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from core.errors import TesseraError

GROUP = 64
"""Tokens that share a step per channel of the keys; values share one over a head's channels."""
NATIVE = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_FP8_MAX = 448.0
_CODES = {"int8": 255, "int4": 15}
PRECISIONS = (*NATIVE, "fp8", *_CODES)

Parts = dict[str, torch.Tensor]
"""What a tensor is stored as: itself under "", or codes under "" beside "scale" and "low"."""


@dataclass(frozen=True)
class _Groups:
    """Where a tensor [heads, tokens, channels] is cut: the axis along which numbers share a step, and how many do."""

    axis: int
    size: int


def chosen_precision(wanted: str, dtype: torch.dtype) -> str:
    """The precision that a setting stands for.

    Args:
        wanted: One of ``PRECISIONS``, or auto: the model's own number format.
        dtype: Number format of the model.

    Raises:
        TesseraError: There is no such precision.
    """
    if wanted == "auto":
        return str(dtype).removeprefix("torch.")
    if wanted not in PRECISIONS:
        raise TesseraError(
            f"{wanted!r} is no precision of KV caches.", f"Choose one of: auto, {', '.join(PRECISIONS)}."
        )
    return wanted


def bits_per_number(precision: str) -> float:
    """Bits that a key or value takes, steps and least values included."""
    if precision in NATIVE:
        return NATIVE[precision].itemsize * 8
    return {"fp8": 8.0, "int8": 8.0 + 32 / GROUP, "int4": 4.0 + 32 / GROUP}[precision]


def encode(tensor: torch.Tensor, precision: str, keys: bool) -> Parts:
    """Keys or values [heads, tokens, channels] as they are stored.

    Args:
        tensor: On the CPU.
        precision: One of ``PRECISIONS``.
        keys: Whether these are keys.

    Raises:
        TesseraError: A number is too large for the format's steps.
    """
    if precision in NATIVE:
        return {"": tensor.to(NATIVE[precision]).contiguous()}
    numbers = tensor.float()
    if precision == "fp8":
        scale = (numbers.abs().amax(1, keepdim=True) / _FP8_MAX).clamp_min(torch.finfo(torch.float32).tiny)
        return {"": (numbers / scale).to(torch.float8_e4m3fn).contiguous(), "scale": scale.contiguous()}
    return _encode_integers(numbers, precision, _groups(numbers, keys))


def decode(parts: Mapping[str, torch.Tensor], precision: str, keys: bool, dtype: torch.dtype) -> torch.Tensor:
    """What ``encode`` stored, as ``dtype`` [heads, tokens, channels]; a view of it where nothing has to change."""
    if precision in NATIVE:
        return parts[""].to(dtype)
    if precision == "fp8":
        return _from_fp8(parts[""]).mul_(parts["scale"]).to(dtype)
    codes = _unpack(parts[""]) if precision == "int4" else parts[""]
    groups = _groups(codes, keys)
    cut = _cut(codes.to(torch.float32), groups)
    numbers = cut.mul_(_per_group(parts["scale"], groups)).add_(_per_group(parts["low"], groups))
    return _join(numbers, groups, codes.shape).to(dtype)


def _encode_integers(numbers: torch.Tensor, precision: str, groups: _Groups) -> Parts:
    top = _CODES[precision]
    cut = _cut(numbers, groups)
    axis = groups.axis + 1
    # Codes are counted from the rounded least value in rounded steps, so that rounding those two costs nothing: low is
    # rounded down and the step up, and every number still lies within the codes.
    low = _rounded(cut.amin(axis, keepdim=True), down=True)
    scale = _rounded((cut.amax(axis, keepdim=True) - low.float()) / top, down=False)
    codes = ((cut - low.float()) / scale.float()).round_().clamp_(0, top).to(torch.uint8)
    joined = _join(codes, groups, numbers.shape)
    return {
        "": _pack(joined) if precision == "int4" else joined.contiguous(),
        "scale": scale.squeeze(axis).contiguous(),
        "low": low.squeeze(axis).contiguous(),
    }


def _rounded(numbers: torch.Tensor, down: bool) -> torch.Tensor:
    """float16, rounded towards minus or plus infinity; steps never become 0."""
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


def _cut(tensor: torch.Tensor, groups: _Groups) -> torch.Tensor:
    """[heads, tokens, channels] with ``groups.axis`` split in two: groups, and members; the last group is filled up."""
    count = tensor.shape[groups.axis]
    lacking = -count % groups.size
    if lacking:
        last = tensor.narrow(groups.axis, count - 1, 1)
        tensor = torch.cat([tensor, last.repeat_interleave(lacking, groups.axis)], groups.axis)
    return tensor.unflatten(groups.axis, (-1, groups.size))


def _join(cut: torch.Tensor, groups: _Groups, shape: torch.Size) -> torch.Tensor:
    """Undoes ``_cut``."""
    joined = cut.flatten(groups.axis, groups.axis + 1)
    return joined.narrow(groups.axis, 0, shape[groups.axis])


def _per_group(stored: torch.Tensor, groups: _Groups) -> torch.Tensor:
    return stored.float().unsqueeze(groups.axis + 1)


def _from_fp8(codes: torch.Tensor) -> torch.Tensor:
    """float8_e4m3fn as float32, several times as fast as ``.to`` on a CPU.

    Shifted into place, sign, exponent and mantissa are those of a bfloat16 whose exponent is 120 too small (bias 127
    and 7); subnormal numbers come out right as well. There are no NaNs among the codes.
    """
    if codes.device.type != "cpu":
        return codes.to(torch.float32)
    bits = codes.view(torch.uint8).to(torch.int16)
    bits = bits.bitwise_and(0x80).bitwise_left_shift_(8).bitwise_or_(bits.bitwise_and(0x7F).bitwise_left_shift_(4))
    return bits.view(torch.bfloat16).to(torch.float32).mul_(2.0**120)


def _pack(codes: torch.Tensor) -> torch.Tensor:
    """Two codes of 4 bits to a byte: a channel of the first half in the low bits, its fellow of the second above."""
    low, high = codes.chunk(2, dim=-1)
    return low | (high << 4)


def _unpack(packed: torch.Tensor) -> torch.Tensor:
    return torch.cat([packed & 15, packed >> 4], dim=-1)
