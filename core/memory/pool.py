"""Z: m vectors for every document, and the number formats in which they are stored.

    float16   the numbers, rounded
    int8      codes from -127 to 127 and for each vector a step, its largest number / 127, in float16

What is in memory is always what the disk will give back. Rounding what has been rounded changes no bit, so a pool that
is read, given one more row and written again keeps the bits of all others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from core.errors import ArtefactStale, TesseraError
from core.messages import message

Z_FORMATS = ("float16", "int8")
_MOST = 127
_LEAST_STEP = 2.0**-14
"""The smallest normal number of float16: below it steps would be rounded too coarsely to be found again."""


@dataclass(frozen=True)
class MemoryPool:
    """Z, and the document of each row.

    Attributes:
        z: [N, m, z_dim], float32.
    """

    ids: tuple[str, ...]
    titles: tuple[str, ...]
    z: torch.Tensor

    def row(self, passage_id: str) -> int:
        """Row of a document.

        Raises:
            TesseraError: The memory does not hold it.
        """
        if passage_id not in self.ids:
            raise TesseraError(message("The memory holds no document {id}.", id=repr(passage_id)), "Learn it first.")
        return self.ids.index(passage_id)

    def rows(self, passage_ids: Iterable[str]) -> list[int]:
        """Rows of documents, in their order.

        Raises:
            TesseraError: The memory does not hold one of them.
        """
        return [self.row(passage_id) for passage_id in passage_ids]

    def filled(self, passage_id: str) -> torch.Tensor:
        """Which vectors of a document [m] say something: those that a short one leaves over are zero.

        Raises:
            TesseraError: The memory does not hold it.
        """
        return self.z[self.row(passage_id)].any(-1)

    def with_row(self, passage_id: str, title: str, z: torch.Tensor) -> MemoryPool:
        """A pool with one more document of z [m, z_dim]; the other rows keep their bits.

        Raises:
            TesseraError: The id is taken.
        """
        if passage_id in self.ids:
            raise TesseraError(
                message("The memory already holds {id}.", id=repr(passage_id)),
                "Forget it first, or edit it.",
            )
        grown = torch.cat([self.z, z[None].to(self.z)])
        return replace(self, ids=(*self.ids, passage_id), titles=(*self.titles, title), z=grown)

    def with_other(self, passage_id: str, title: str, z: torch.Tensor) -> MemoryPool:
        """A pool in which one document has another z [m, z_dim] and title; the other rows keep their bits and places.

        Raises:
            TesseraError: The memory does not hold it.
        """
        row = self.row(passage_id)
        titles = (*self.titles[:row], title, *self.titles[row + 1 :])
        changed = self.z.clone()
        changed[row] = z.to(self.z)
        return replace(self, titles=titles, z=changed)

    def without_row(self, passage_id: str) -> MemoryPool:
        """A pool without one document.

        Raises:
            TesseraError: The memory does not hold it.
        """
        removed = self.row(passage_id)
        rows = [row for row in range(len(self.ids)) if row != removed]
        return MemoryPool(tuple(self.ids[i] for i in rows), tuple(self.titles[i] for i in rows), self.z[rows].clone())


def encode_z(z: torch.Tensor, z_format: str) -> dict[str, torch.Tensor]:
    """The tensors that store Z [..., z_dim] in one of ``Z_FORMATS``."""
    if z_format == "float16":
        return {"z": z.to(torch.float16)}
    steps = (z.float().abs().amax(-1, keepdim=True) / _MOST).clamp(min=_LEAST_STEP).to(torch.float16)
    codes = (z.float() / steps.float()).round().clamp(-_MOST, _MOST).to(torch.int8)
    return {"codes": codes, "steps": steps}


def z_bytes(figures: Mapping[str, Any]) -> int:
    """Bytes of one document's z on disk.

    Args:
        figures: Settings of the memory, or what its manifest says of it.
    """
    z_format = figures.get("z_format", figures.get("kept", "float16"))  # "kept" in manifests of an earlier version
    z = torch.zeros(int(figures.get("m", 0)), int(figures.get("z_dim", 0)))
    return sum(part.nbytes for part in encode_z(z, str(z_format)).values())


def decode_z(stored: dict[str, torch.Tensor]) -> torch.Tensor:
    """Z [..., z_dim] in float32 from its stored tensors, whose names tell the format.

    Raises:
        ArtefactStale: Tensors are missing.
    """
    if "z" in stored:
        return stored["z"].float()
    if missing := {"codes", "steps"} - stored.keys():
        raise ArtefactStale(message("The stored Z lacks {names}.", names=", ".join(sorted(missing))), kinds=("memory",))
    return stored["codes"].float() * stored["steps"].float()


def as_stored(z: torch.Tensor, z_format: str) -> torch.Tensor:
    """Z in float32, rounded as the disk will round it, so that a saved memory answers as it did before."""
    return decode_z(encode_z(z, z_format))
