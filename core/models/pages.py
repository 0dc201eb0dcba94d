"""Memory for stored caches, in pages of its own that are used again.

Caches come and go by the megabyte between everything that answers allocate and free. In the heap they leave holes that
nothing fits, and it grows from question to question. Fresh pages for each cache would leave none, but cost a page fault
per 4 KiB: 3 ms for 3 MB, ten times as long as reading them from the disk's cache.
"""

from __future__ import annotations

import ctypes
import mmap
import weakref
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from core.models.kv_buffer import Layers

_STEP = 1 << 18
_LOOSEST = 1.5
"""Most that pages may be larger than what is to be stored in them."""
_MOST_SPARE = 32_000_000
_PRIVATE = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
"""Otherwise Unix would give pages that are shared with child processes."""
_spare: list[mmap.mmap] = []


def pages(size: int) -> npt.NDArray[np.uint8]:
    """``size`` bytes; their pages are used again once no array and no tensor refers to them."""
    if not size:
        return np.empty(0, np.uint8)
    wanted = -(-size // _STEP) * _STEP
    region = _fitting(wanted) or mmap.mmap(-1, wanted, **_PRIVATE)
    loan = (ctypes.c_uint8 * size).from_buffer(region)  # lives as long as any view of it does
    weakref.finalize(loan, _take_back, region)
    return np.frombuffer(memoryview(loan).cast("B"), np.uint8)


def in_pages(layers: Layers) -> Layers:
    """A copy of keys and values; on a CPU in pages, else where they are."""
    import torch  # not for those who only look at what is stored

    if layers[0][0].device.type != "cpu":
        return [(keys.clone(), values.clone()) for keys, values in layers]
    content, at = torch.from_numpy(pages(sum(tensor.nbytes for pair in layers for tensor in pair))), 0
    copies = []
    for tensor in (tensor for pair in layers for tensor in pair):
        copy = content[at : at + tensor.nbytes].view(tensor.dtype).view(tensor.shape)
        copies.append(copy.copy_(tensor))
        at += tensor.nbytes
    return list(zip(copies[::2], copies[1::2], strict=True))


def _fitting(wanted: int) -> mmap.mmap | None:
    """The smallest spare region that fits well, taken from the list; None if there is none."""
    fitting = [region for region in _spare if wanted <= len(region) <= _LOOSEST * wanted]
    for region in sorted(fitting, key=len):
        try:
            _spare.remove(region)
        except ValueError:  # another thread has taken it
            continue
        return region
    return None


def _take_back(region: mmap.mmap) -> None:
    _spare.append(region)
    while len(_spare) > 1 and sum(map(len, _spare)) > _MOST_SPARE:
        _spare.pop(0)  # its pages go back to the system
