"""The first z of documents and what a router reads off it, in shards for workers; see ``core.workers``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from core.corpus.types import Passage, texts
from core.memory.config import MemoryConfig
from core.memory.pool import as_stored
from core.memory.projector import token_idf
from core.memory.prompt import ZPrompt
from core.memory.z_codec import READ_AT_ONCE, ZCodec
from core.models.language_model import LanguageModel
from core.models.registry import Models
from core.workers import Array, require_same_model

_FEWEST = 32


@dataclass(frozen=True)
class FirstZ:
    """What every document starts with.

    Attributes:
        z: [N, m, z_dim].
        coordinates: [N, m, width], what is read off z as it is stored; see ``ZCodec.read``.
        words: [N, m], the tokens that it names; see ``ZCodec.read_with_words``.
    """

    z: torch.Tensor
    coordinates: torch.Tensor
    words: torch.Tensor

    @classmethod
    def joined(cls, arrays: Sequence[Array], config: MemoryConfig) -> FirstZ:
        """From the arrays of ``first_z_shard``."""
        joined = torch.from_numpy(np.concatenate(arrays))
        z, coordinates, words = joined.split([config.z_dim, joined.shape[-1] - config.z_dim - 1, 1], -1)
        return cls(z.clone(), coordinates.clone(), words[..., 0].long())


@dataclass(frozen=True)
class DocumentShard:
    """Some documents, and all that their first z depends on.

    Attributes:
        idf: [vocabulary], over the whole corpus.
        model: Fingerprint of the language model.
    """

    texts: tuple[str, ...]
    idf: Array
    config: MemoryConfig
    model: str

    @property
    def content(self) -> str:
        """All that its array depends on."""
        return repr((self.texts, self.idf.tobytes(), self.config, self.model))


def corpus_idf(lm: LanguageModel, prompt: ZPrompt, passages: Sequence[Passage]) -> torch.Tensor:
    """Inverse document frequency [vocabulary] over passages."""
    return token_idf([prompt.encode(text) for text in texts(passages)], len(lm.model.get_input_embeddings().weight))


def document_shards(lm: LanguageModel, passages: Sequence[Passage], config: MemoryConfig) -> list[DocumentShard]:
    """Passages in shards that are read in the same batches as all of them at once, so to the same bits."""
    idf = corpus_idf(lm, ZPrompt(lm.tokenizer, min(lm.stop_ids)), passages).numpy()
    batch = READ_AT_ONCE // math.gcd(READ_AT_ONCE, config.m)
    size, all_texts = batch * -(-_FEWEST // batch), texts(passages)
    return [
        DocumentShard(tuple(all_texts[at : at + size]), idf, config, lm.identity.fingerprint)
        for at in range(0, len(all_texts), size)
    ]


@torch.inference_mode()
def first_z_shard(models: Models, shard: DocumentShard) -> Array:
    """[n, m, z_dim + width + 1], z, coordinates and words of a shard: the task of workers.

    Raises:
        ModelError: The worker's model is not the one that they are for.
    """
    lm = models.language_model(models.variant.plain)
    require_same_model(lm.identity.fingerprint, shard.model)
    codec, prompt = _codec(lm, shard.config), ZPrompt(lm.tokenizer, min(lm.stop_ids))
    idf = torch.from_numpy(shard.idf)
    z = torch.stack([codec.first(codec.words(prompt, text, idf)) for text in shard.texts])
    coordinates, words = codec.read_with_words(as_stored(z, shard.config.z_format))
    return torch.cat([z, coordinates, words[..., None].float()], -1).numpy()


@lru_cache(maxsize=1)  # its basis takes seconds
def _codec(lm: LanguageModel, config: MemoryConfig) -> ZCodec:
    return ZCodec(lm.model.get_input_embeddings().weight, config)
