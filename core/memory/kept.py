"""Number formats in which Z is kept. What is in memory is always what the disk will give back.

    float16   the numbers, rounded
    int8      codes from -127 to 127 and for each vector a step, its largest number / 127, in float16

Rounding what has been rounded changes no bit, so a pool that is read, given one more row and written again keeps the
bits of all others.
"""

from __future__ import annotations

import torch

from core.errors import ArtefactStale

FORMATS = ("float16", "int8")
_MOST = 127
_LEAST_STEP = 2.0**-14
"""The smallest normal number of float16: below it steps would be rounded too coarsely to be found again."""


def encoded(z: torch.Tensor, kept: str) -> dict[str, torch.Tensor]:
    """Z [..., z_dim] as it is stored, in one of ``FORMATS``."""
    if kept == "float16":
        return {"z": z.to(torch.float16)}
    steps = (z.float().abs().amax(-1, keepdim=True) / _MOST).clamp(min=_LEAST_STEP).to(torch.float16)
    codes = (z.float() / steps.float()).round().clamp(-_MOST, _MOST).to(torch.int8)
    return {"codes": codes, "steps": steps}


def decoded(stored: dict[str, torch.Tensor]) -> torch.Tensor:
    """Z [..., z_dim] in float32 from what was stored; the names of the tensors tell the format.

    Raises:
        ArtefactStale: Tensors are missing.
    """
    if "z" in stored:
        return stored["z"].float()
    try:
        return stored["codes"].float() * stored["steps"].float()
    except KeyError as error:
        raise ArtefactStale(f"The stored Z lacks {error}.", "Train it again: `python -m app train`.") from error


def as_kept(z: torch.Tensor, kept: str) -> torch.Tensor:
    """Z in float32, rounded as the disk will round it, so that a saved memory answers as it did before."""
    return decoded(encoded(z, kept))
