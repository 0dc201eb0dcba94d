"""The identity of a stored cell: the model that computed it, its tokens and passages, and its precision."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.errors import TesseraError
from core.messages import message
from core.settings import CACHE_PRECISIONS

if TYPE_CHECKING:  # torch, which listing stored cells does not need
    import torch

    from core.models.language_model import LanguageModel

PRECISIONS = CACHE_PRECISIONS[1:]
"""Number formats of stored cells; the setting "auto" stands for the model's own."""


def chosen_precision(wanted: str, dtype: torch.dtype) -> str:
    """Resolves the precision of a setting.

    Args:
        wanted: One of ``PRECISIONS``, or "auto" for the model's own number format.

    Raises:
        TesseraError: There is no such precision.
    """
    if wanted == "auto":
        return str(dtype).removeprefix("torch.")
    if wanted not in PRECISIONS:
        raise TesseraError(
            message("{wanted!r} is no precision of KV caches.", wanted=wanted),
            message("Choose one of: auto, {names}.", names=", ".join(PRECISIONS)),
        )
    return wanted


@dataclass(frozen=True)
class CacheIdentity:
    """What must be equal for a model to use stored keys and values.

    Attributes:
        model: Fingerprint of weights, adapter, tokenizer, prompt and dtype.
        prompt: Fingerprint of the prompt alone, so that an error can name it.
        dtype: Number format of the model that computed them.
        rope: The model's rotary embedding as canonical JSON; keys are stored rotated.
        precision: Number format they are stored in.
    """

    model: str
    prompt: str
    dtype: str
    rope: str
    precision: str

    @classmethod
    def of(cls, lm: LanguageModel, precision: str = "auto") -> CacheIdentity:
        """The identity of caches that ``lm`` builds."""
        config = lm.model.config
        rope = getattr(config, "rope_parameters", None) or {"rope_theta": getattr(config, "rope_theta", None)}
        return cls(
            model=lm.identity.fingerprint,
            prompt=lm.prompt.fingerprint,
            dtype=str(lm.dtype).removeprefix("torch."),
            rope=json.dumps(rope, sort_keys=True, default=str),
            precision=chosen_precision(precision, lm.dtype),
        )

    def mismatch(self, other: CacheIdentity) -> str:
        """Why a cache with this identity cannot be used for ``other``; empty when it can."""
        # The most specific reason first: the model's fingerprint covers prompt and dtype.
        if self.prompt != other.prompt:
            return "it was built with another prompt"
        if self.dtype != other.dtype:
            return message("it holds {mine}, but the model runs in {other}", mine=self.dtype, other=other.dtype)
        if self.rope != other.rope:
            return "it was built with other rotary position parameters"
        if self.model != other.model:
            return "it was built by another model or adapter"
        if self.precision != other.precision:
            return message("it is stored in {mine}, not in {other}", mine=self.precision, other=other.precision)
        return ""


def cell_key(ids: Sequence[int], passage_ids: Sequence[str]) -> str:
    """Digest of a cell's tokens and passage ids."""
    digest = hashlib.sha256(json.dumps(list(passage_ids), ensure_ascii=False).encode())
    digest.update(np.array(ids, dtype=np.int64).tobytes())
    return digest.hexdigest()[:20]


def file_name(key: str) -> str:
    """Name of the file of a cell."""
    return f"cell-{key}.safetensors"
