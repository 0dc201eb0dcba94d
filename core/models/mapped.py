"""Memory-mapped weights, whose pages the operating system can drop and read again.

transformers maps safetensors files already. Merged weights have no file, nor have those that were read into another
number format; ``in_file`` gives them a temporary one that disappears with the process. After a model's weights have
been reordered for the CPU (``core.models.llama_decoder``), the originals are read only by training and, in their lower
layers, by the memory's router: ``release_pages`` frees their pages, which are loaded again on access.
"""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from torch import nn

from core.models.device import trim

_DONT_NEED = 4
"""Linux's MADV_DONTNEED: frees the mapped pages of a file, which are loaded again on access."""


def in_file(
    tensors: Iterable[tuple[str, torch.Tensor]], size: int, folder: Path | None
) -> Iterator[tuple[str, torch.Tensor]]:
    """Moves tensors one by one into a memory-mapped temporary file.

    Args:
        tensors: Name and tensor; only one is in memory at a time.
        folder: Folder of the file; if None, or if the disk is full, the tensors stay in memory.
    """
    buffer = _mapped_buffer(size, folder) if size and folder and sys.platform == "linux" else None
    start = 0
    for name, tensor in tensors:
        if buffer is None:
            yield name, tensor
            continue
        mapped = buffer[start : start + tensor.nbytes].view(tensor.dtype).view(tensor.shape)
        mapped.copy_(tensor)
        start += tensor.nbytes
        yield name, mapped.data  # .data has a version counter of its own, so writes to other tensors do not raise it


@torch.no_grad()
def back_by_file(model: nn.Module, folder: Path) -> None:
    """Moves weights that no file stands behind into a temporary one: those read into another number format.

    Args:
        folder: Folder of the file.
    """
    if sys.platform != "linux":
        return
    ranges = _file_ranges()
    loose = [(name, weight) for name, weight in model.named_parameters() if _range_of(weight, ranges) is None]
    weights = dict(loose)
    for name, mapped in in_file(loose, sum(weight.nbytes for weight in weights.values()), folder):
        weights[name].data = mapped
    trim()


def release_pages(model: nn.Module) -> None:
    """Frees the pages of a model's memory-mapped weights, which are loaded again on access, and memory freed before.

    Keeps the pages if any weight was changed after loading: that change would be lost with its page.
    """
    trim()
    weights = list(model.parameters())
    if sys.platform != "linux" or any(weight._version for weight in weights):
        return
    ranges = _file_ranges()
    for start, end in {_range_of(weight, ranges) for weight in weights} - {None}:  # type: ignore[misc]
        ctypes.CDLL(None).madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _DONT_NEED)


def _mapped_buffer(size: int, folder: Path) -> torch.Tensor | None:
    """[size] bytes, mapped from a file that has already been deleted; None if the disk is full."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".weights-") as file:
            # Reserve the space first: writing to a mapped page on a full disk would kill the process.
            os.posix_fallocate(file.fileno(), 0, size)
            return torch.from_file(file.name, shared=True, size=size, dtype=torch.uint8)
    except OSError:
        return None  # the weights stay in memory instead


def _range_of(weight: torch.Tensor, ranges: list[tuple[int, int]]) -> tuple[int, int] | None:
    """The range, of those given in ascending order, in which a tensor lies; None if it lies in none."""
    number = bisect_right(ranges, (weight.data_ptr(), sys.maxsize)) - 1
    return ranges[number] if number >= 0 and weight.data_ptr() < ranges[number][1] else None


def _file_ranges() -> list[tuple[int, int]]:
    """Address ranges of the files mapped by this process, ascending."""
    ranges = []
    for line in Path("/proc/self/maps").read_text().splitlines():
        addresses, _, _, _, inode, *_ = line.split()
        if inode != "0":
            start, end = (int(address, 16) for address in addresses.split("-"))
            ranges.append((start, end))
    return ranges
