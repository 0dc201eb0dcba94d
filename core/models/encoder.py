"""Encoders: text to unit vectors, with a model in the format of sentence-transformers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from core.digests import digest_of
from core.errors import ModelError
from core.messages import message
from core.models.download import locate
from core.models.presets import find_preset
from core.models.scripts import knows_script
from core.normalise import normalise
from core.settings import Settings

if TYPE_CHECKING:  # those who only name vectors, as every store does, need no torch, which takes seconds to import
    import torch

    from core.models.pooled_encoder import PooledEncoder

Vectors = npt.NDArray[np.float32]
"""Unit vectors, [n, dim] or [dim]."""


class Encoder(Protocol):
    """The interface of an encoder.

    Attributes:
        fingerprint: Digest of its weights.
        max_tokens: Longest text, in tokens; longer texts are truncated.
    """

    name: str
    dim: int
    fingerprint: str
    max_tokens: int

    def count(self, text: str) -> int:
        """Number of tokens of a text, special tokens included."""
        ...

    def knows(self, text: str) -> bool:
        """Whether it knows the script of most words of a text; see ``core.models.scripts``."""
        ...

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors [n, dim] of passages."""
        ...

    def encode_query(self, text: str) -> Vectors:
        """Unit vector [dim] of a question."""
        ...


class SentenceEncoder:
    """A sentence-transformers model, with the prefixes of its preset (E5 expects "query: " and "passage: ").

    Args:
        name: A folder, a preset or a hub id.
        settings: Device and folder of model files.

    Raises:
        ModelError: It cannot be found or loaded.
    """

    def __init__(self, name: str, settings: Settings) -> None:
        from transformers.utils import logging

        logging.disable_progress_bar()
        folder = locate(name, settings.home)
        preset = find_preset(name)
        self.name = name
        self._query_prefix = preset.query_prefix if preset else ""
        self._passage_prefix = preset.passage_prefix if preset else ""
        try:
            self._model = _load(folder, settings.device)
        except (OSError, ValueError) as error:
            raise ModelError(
                message("{name} could not be loaded as a sentence encoder: {error}", name=name, error=error),
                "Choose another.",
            ) from error
        self._model.tokenizer.split_special_tokens = True  # "[CLS]" in a document is plain text
        self.max_tokens, self.dim = self._model.max_tokens, self._model.dim
        self.fingerprint = digest_of(folder, "*.safetensors") + ("+prefixes" if self._query_prefix else "")

    def count(self, text: str) -> int:
        """See ``Encoder.count``."""
        # Not verbose: how long it is, is asked because it may be too long.
        return len(self._model.tokenizer(normalise(text), truncation=False, verbose=False)["input_ids"])

    def knows(self, text: str) -> bool:
        """See ``Encoder.knows``."""
        return knows_script(self._model.tokenizer, text)

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors [n, dim] of passages."""
        return self._encode([self._passage_prefix + text for text in texts])

    def encode_query(self, text: str) -> Vectors:
        """Unit vector [dim] of a question."""
        return self._encode([self._query_prefix + text])[0]

    def encode_tokens(self, texts: Sequence[str], query: bool = False) -> list[torch.Tensor]:
        """A vector [tokens, dim] for every token of each text, as late interaction compares them; not scaled.

        Args:
            query: Whether they are questions.
        """
        prefix = self._query_prefix if query else self._passage_prefix
        return self._model.encode_tokens([normalise(prefix + text) for text in texts])

    def _encode(self, texts: list[str]) -> Vectors:
        texts = [normalise(text) for text in texts]
        return np.asarray(self._model.encode(texts), dtype=np.float32)


class _LibraryEncoder:
    """Any other encoder, run by sentence-transformers; same interface as ``PooledEncoder``."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        from sentence_transformers import SentenceTransformer  # takes seconds to import

        self._model = SentenceTransformer(str(folder), device=str(device), local_files_only=True)
        self.tokenizer: Any = self._model.tokenizer
        self.max_tokens = int(self._model.max_seq_length or 0) or 10**9
        self.dim = int(self._model.get_embedding_dimension() or 0)

    def encode(self, texts: Sequence[str]) -> torch.Tensor:
        return self._model.encode(
            list(texts), normalize_embeddings=True, show_progress_bar=False, convert_to_tensor=True
        ).cpu()

    def encode_tokens(self, texts: Sequence[str]) -> list[torch.Tensor]:
        tokens = self._model.encode(list(texts), output_value="token_embeddings", show_progress_bar=False)
        return [vectors.float().cpu() for vectors in tokens]


def _load(folder: Path, device_name: str) -> PooledEncoder | _LibraryEncoder:
    from core.models.device import choose_device
    from core.models.pooled_encoder import PooledEncoder, pooling_of

    device, pooling = choose_device(device_name), pooling_of(folder)
    return PooledEncoder(folder, pooling, device) if pooling else _LibraryEncoder(folder, device)


def truncated_rows(encoder: Encoder, texts: Sequence[str]) -> list[int]:
    """Rows of the texts that the encoder truncates, so that a search finds them by their beginning only."""
    # A token has at least one byte, so short texts need not be tokenised.
    return [
        row
        for row, text in enumerate(texts)
        if len(text.encode()) > encoder.max_tokens and encoder.count(text) > encoder.max_tokens
    ]


def encode_in_batches(encoder: Encoder, texts: Sequence[str], batch: int = 64) -> Iterator[Vectors]:
    """Encodes passages batch by batch, so that the caller can show progress and stop."""
    for start in range(0, len(texts), batch):
        yield encoder.encode_passages(texts[start : start + batch])
