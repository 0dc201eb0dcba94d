"""The first z of documents, in shards for workers; see ``core.workers``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch

from core.corpus.types import Passage, texts
from core.memory.config import MemoryConfig
from core.memory.projector import token_idf
from core.memory.prompt import ZPrompt
from core.memory.z_codec import ZCodec
from core.models.language_model import LanguageModel
from core.models.registry import Models
from core.workers import Array, require_same_model

_SHARD = 32
"""Documents of a shard."""


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
    """Passages in shards."""
    idf = corpus_idf(lm, ZPrompt(lm.tokenizer, min(lm.stop_ids)), passages).numpy()
    all_texts = texts(passages)
    return [
        DocumentShard(tuple(all_texts[at : at + _SHARD]), idf, config, lm.identity.fingerprint)
        for at in range(0, len(all_texts), _SHARD)
    ]


@torch.inference_mode()
def first_z_shard(models: Models, shard: DocumentShard) -> Array:
    """[n, m, z_dim], the z of a shard: the task of workers.

    Raises:
        ModelError: The worker's model is not the one that they are for.
    """
    lm = models.language_model(models.variant.plain)
    require_same_model(lm.identity.fingerprint, shard.model)
    codec, prompt = _codec(lm, shard.config), ZPrompt(lm.tokenizer, min(lm.stop_ids))
    idf = torch.from_numpy(shard.idf)
    return torch.stack([codec.first(codec.words(prompt, text, idf)) for text in shard.texts]).numpy()


@lru_cache(maxsize=1)  # its basis takes seconds
def _codec(lm: LanguageModel, config: MemoryConfig) -> ZCodec:
    return ZCodec(lm.model.get_input_embeddings().weight, config)
