"""Checkpoints of a training: the last two, each with a digest, so that a damaged one costs some steps and no more."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from core.errors import ArtefactMissing, ArtefactStale
from core.manifest import write_atomically
from core.messages import message

CHECKPOINT = "checkpoint.safetensors"
EARLIER = "checkpoint-earlier.safetensors"
"""The one before: where the disk has damaged the last, it costs the steps between the two."""


def write_checkpoint(folder: Path, run: str, tensors: Mapping[str, torch.Tensor]) -> None:
    """Writes a checkpoint of a run; the last one becomes the earlier one."""
    folder.mkdir(parents=True, exist_ok=True)
    packed = {name: tensor.cpu().clone().contiguous() for name, tensor in tensors.items()}
    if (folder / CHECKPOINT).is_file():
        (folder / CHECKPOINT).replace(folder / EARLIER)
    write_atomically(folder / CHECKPOINT, save(packed, {"run": run, "digest": _digest(packed)}))


def read_checkpoint(folder: Path) -> tuple[str, dict[str, torch.Tensor]]:
    """The last checkpoint of a folder that is whole: which run it belongs to, and its tensors.

    A damaged one after it is removed, so that it never takes the place of one that is whole.

    Raises:
        ArtefactMissing: There is none.
        ArtefactStale: All are damaged.
    """
    paths = [folder / name for name in (CHECKPOINT, EARLIER) if (folder / name).is_file()]
    if not paths:
        raise ArtefactMissing(
            message("There is no unfinished training in {folder}.", folder=folder), "Start without resuming."
        )
    for number, path in enumerate(paths):
        if found := _whole(path):
            for damaged in paths[:number]:
                damaged.unlink()
            return found
    raise ArtefactStale(
        message("The checkpoint of the training in {folder} is damaged.", folder=folder),
        "Put a copy of this folder back, or start without resuming.",
    )


def _whole(path: Path) -> tuple[str, dict[str, torch.Tensor]] | None:
    """What a checkpoint holds; None where it is damaged. One of an earlier version has no digest to compare."""
    try:
        with safe_open(path, framework="pt") as file:
            facts = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, it is no mapping
    except (OSError, SafetensorError, ValueError):
        return None
    intact = "run" in facts and facts.get("digest") in (None, _digest(tensors))
    return (facts["run"], tensors) if intact else None


def _digest(tensors: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
