"""Text to unit vectors, with a sentence-transformers model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from core.errors import ModelError
from core.models.device import choose_device
from core.models.files import digest_of
from core.models.presets import find_preset
from core.models.provision import locate
from core.settings import Settings

Vectors = npt.NDArray[np.float32]
"""Row vectors of unit length, [n, dim] or [dim]."""


class Encoder(Protocol):
    """What Tessera asks of an encoder; tests bring their own."""

    name: str
    dim: int
    fingerprint: str

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors [n, dim] of passages."""
        ...

    def encode_query(self, text: str) -> Vectors:
        """Unit vector [dim] of a question."""
        ...


class SentenceEncoder:
    """A sentence-transformers model, with the prefixes its preset asks for (E5 wants "query: " and "passage: ").

    Args:
        name: A folder, a preset or a hub id.
        settings: Device and where model files live.

    Raises:
        ModelError: It cannot be found or loaded.
    """

    def __init__(self, name: str, settings: Settings) -> None:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
        folder = locate(name, settings.home)
        preset = find_preset(name)
        self.name = name
        self._query_prefix = preset.query_prefix if preset else ""
        self._passage_prefix = preset.passage_prefix if preset else ""
        try:
            self._model = SentenceTransformer(
                str(folder), device=str(choose_device(settings.device)), local_files_only=True
            )
        except (OSError, ValueError) as error:
            raise ModelError(f"{name} could not be loaded as a sentence encoder: {error}", "Choose another.") from error
        self.dim = int(self._model.get_embedding_dimension() or 0)
        self.fingerprint = digest_of(folder, "*.safetensors") + ("+prefixes" if self._query_prefix else "")

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors [n, dim] of passages."""
        return self._encode([self._passage_prefix + text for text in texts])

    def encode_query(self, text: str) -> Vectors:
        """Unit vector [dim] of a question."""
        return self._encode([self._query_prefix + text])[0]

    def _encode(self, texts: list[str]) -> Vectors:
        vectors = self._model.encode(texts, normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True)
        return np.asarray(vectors, dtype=np.float32)


def encode_in_batches(encoder: Encoder, texts: Sequence[str], batch: int = 64) -> Iterator[Vectors]:
    """Encodes passages batch by batch, so that long work can show progress and be stopped."""
    for start in range(0, len(texts), batch):
        yield encoder.encode_passages(texts[start : start + batch])
