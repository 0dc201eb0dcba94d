"""Which device to compute on, in which number format, and how to wait for it."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable

import torch

from core.errors import ModelError
from core.said import said


def choose_device(wanted: str) -> torch.device:
    """The device for ``wanted``; "auto" takes CUDA, then MPS, then the CPU.

    Raises:
        ModelError: A device was asked for by name and is not there.
    """
    has = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        wanted = next(name for name in ("cuda", "mps", "cpu") if has[name])
    if not has[wanted]:
        raise ModelError(f"This machine has no {wanted} device that torch can use.", "Set TESSERA_DEVICE=auto.")
    return torch.device(wanted)


def choose_dtype(wanted: str, device: torch.device) -> str:
    """The number format for ``wanted``; "auto" takes bfloat16 where the device multiplies it natively."""
    if wanted != "auto":
        return wanted
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    if device.type == "cpu" and torch.cpu._is_avx512_bf16_supported():
        return "bfloat16"
    return "float32"


def synchroniser(device: torch.device) -> Callable[[], None]:
    """A function that returns once all queued work of ``device`` is done."""
    if device.type == "cuda":
        return torch.cuda.synchronize
    if device.type == "mps":
        return torch.mps.synchronize
    return lambda: None


def describe(device: torch.device) -> str:
    """The device in words: the GPU's name, or the number of CPU threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "cpu":
        threads = torch.get_num_threads()
        return said("CPU, {n} thread" if threads == 1 else "CPU, {n} threads", n=threads)
    return device.type


def give_back() -> None:
    """Returns freed memory to the system, where the C library can be asked to (glibc).

    Batches of ever other shapes leave holes that glibc keeps: a training of an hour grew from 3 GB to 14 without this.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
