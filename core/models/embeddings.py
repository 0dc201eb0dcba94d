"""The embeddings of a workspace: one unit vector per passage, in corpus order."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from core.errors import ArtefactStale
from core.messages import Message, message
from core.workspace import Workspace

if TYPE_CHECKING:  # these load torch, which ``truncation_warning`` does not need
    from core.models.encoder import Encoder, Vectors

_FILE = "vectors.safetensors"


def load_vectors(ws: Workspace) -> Vectors:
    """Embeddings [n, dim] of the passages, unit length, float32.

    Raises:
        ArtefactMissing: The passages have not been embedded.
        ArtefactStale: They were computed from another corpus or encoder, or the file is damaged.
    """
    return ws.read("embeddings", _load)


def _load(folder: Path) -> Vectors:
    try:
        vectors: Vectors = load_file(folder / _FILE)["vectors"]
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        values = {"kind": message("embeddings"), "folder": folder, "error": error}
        why = message("The {kind} in {folder} cannot be read ({error}).", **values)
        raise ArtefactStale(why, kinds=("embeddings",)) from error
    return vectors


def truncation_warning(ws: Workspace) -> Message | None:
    """A warning if some passages are longer than the encoder's limit; None if none is."""
    manifest = ws.manifest("embeddings")
    if manifest is None or not manifest.params.get("half_read"):
        return None
    return message(
        "{n:,} of the passages are longer than the {limit:,} tokens that the encoder reads: a search finds them by "
        "their beginning alone. Cut them into shorter passages.",
        n=manifest.params["half_read"],
        limit=manifest.params["max_tokens"],
    )


def write_vectors(ws: Workspace, encoder: Encoder, vectors: Vectors, spent_s: float = 0.0, truncated: int = 0) -> None:
    """Writes the embeddings of the workspace's corpus.

    Args:
        vectors: [n, dim], in corpus order.
        truncated: Number of passages longer than the encoder's limit.
    """
    params: dict[str, object] = {"encoder": encoder.name, "dim": encoder.dim}
    if truncated:
        params |= {"half_read": truncated, "max_tokens": encoder.max_tokens}
    inputs = {"corpus": ws.fingerprint("corpus"), "encoder": encoder.fingerprint}
    with ws.write("embeddings", inputs, params, spent_s=spent_s) as folder:
        (folder / _FILE).write_bytes(save({"vectors": np.ascontiguousarray(vectors)}))
