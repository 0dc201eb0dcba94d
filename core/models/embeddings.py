"""The embeddings of a workspace: one unit vector per passage, in corpus order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from core.errors import ArtefactStale
from core.messages import Message, message
from core.workers import require_same_model
from core.workspace import Workspace

if TYPE_CHECKING:  # these load torch, which ``truncation_warning`` does not need
    from core.models.encoder import Encoder, Vectors
    from core.models.registry import Models

_FILE = "vectors.safetensors"
_BATCH = 64


@dataclass(frozen=True)
class TextShard:
    """Texts that are encoded together, and the fingerprint of the encoder."""

    texts: tuple[str, ...]
    encoder: str

    @property
    def content(self) -> str:
        """All that their vectors depend on."""
        return repr((self.encoder, self.texts))


def text_shards(texts: Sequence[str], encoder: Encoder) -> list[TextShard]:
    """Texts in shards; the vectors of a text depend a little on those that share its shard."""
    return [
        TextShard(tuple(texts[start : start + _BATCH]), encoder.fingerprint) for start in range(0, len(texts), _BATCH)
    ]


def encode_shard(models: Models, shard: TextShard) -> Vectors:
    """The vectors [n, dim] of a shard: the task of workers.

    Raises:
        ModelError: The worker's encoder is not the one that they are for.
    """
    encoder = models.encoder()
    require_same_model(encoder.fingerprint, shard.encoder)
    return encoder.encode_passages(shard.texts)


def nearest_rows(vectors: Vectors, queries: Vectors, k: int) -> list[list[int]]:
    """Rows of the ``k`` vectors that are nearest to each query by cosine, best first: what an index is held against.

    Args:
        vectors: [n, dim] unit vectors.
        queries: [m, dim] unit vectors.
    """
    nearest: list[list[int]] = []
    for start in range(0, len(queries), _BATCH):
        scores = -(queries[start : start + _BATCH] @ vectors.T)
        top = np.sort(np.argpartition(scores, min(k, len(vectors)) - 1, axis=1)[:, :k], axis=1)
        order = np.argsort(np.take_along_axis(scores, top, axis=1), axis=1, kind="stable")
        nearest += np.take_along_axis(top, order, axis=1).tolist()
    return nearest


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
        "The encoder reads {limit:,} tokens of a passage. Longer than that, and found by their beginning alone: {n:,}. "
        "Cut them into shorter passages.",
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
