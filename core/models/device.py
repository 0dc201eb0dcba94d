"""Choosing the device and the number format, and waiting for the device."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable

import torch

from core.errors import ModelError
from core.messages import message


def choose_device(wanted: str) -> torch.device:
    """The device for ``wanted``; "auto" prefers CUDA, then MPS, then the CPU.

    Raises:
        ModelError: The device named is not available.
    """
    has = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        wanted = next(name for name in ("cuda", "mps", "cpu") if has[name])
    if not has[wanted]:
        raise ModelError(
            message("This machine has no {wanted} device that torch can use.", wanted=wanted),
            "Set TESSERA_DEVICE=auto.",
        )
    return torch.device(wanted)


def choose_dtype(wanted: str, device: torch.device) -> str:
    """The number format for ``wanted``; "auto" is bfloat16 where the device supports it natively."""
    if wanted != "auto":
        return wanted
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    if device.type == "cpu" and torch.cpu._is_avx512_bf16_supported():
        return "bfloat16"
    return "float32"


def synchroniser(device: torch.device) -> Callable[[], None]:
    """A function that waits until all queued work of ``device`` is done."""
    if device.type == "cuda":
        return torch.cuda.synchronize
    if device.type == "mps":
        return torch.mps.synchronize
    return lambda: None


def describe(device: torch.device) -> str:
    """Display name of the device: the GPU's name, or the number of CPU threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "cpu":
        threads = torch.get_num_threads()
        return message("CPU, {n} thread" if threads == 1 else "CPU, {n} threads", n=threads)
    return device.type


def trim() -> None:
    """Returns freed memory to the operating system (glibc only).

    Training batches of varying shapes fragment glibc's heap: without this, an hour of training grew from 3 GB to 14.
    """
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if malloc_trim is not None:
        malloc_trim(0)
