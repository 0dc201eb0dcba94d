"""The models of one process, each loaded once, and the lock under which they compute."""

from __future__ import annotations

from functools import cached_property

from transformers import AutoConfig, AutoTokenizer

from core.fair_lock import FairLock
from core.models.adapter import Adapter
from core.models.budget import Budget
from core.models.download import locate
from core.models.encoder import Encoder, SentenceEncoder
from core.models.language_model import QUANTISED, LanguageModel
from core.models.prompt import Prompt
from core.models.server import Server
from core.models.variant import ModelVariant
from core.settings import Settings


class Models:
    """Loads models on first use.

    Args:
        settings: Encoder, language model, device and folder of model files. How the models are used (number of
            passages, store) is decided by ``core.methods.resources.Resources``.

    Attributes:
        lock: Held while a model computes, first come first served: two answers at once on one device would distort each
            other's latency.
        cache_budget: Memory budget for the KV caches of all open methods.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.lock = FairLock()
        self.cache_budget = Budget(settings.cache_bytes)
        self._encoder: Encoder | None = None
        self._prompt: Prompt | None = None
        self._language_models: dict[ModelVariant, LanguageModel] = {}

    @cached_property
    def variant(self) -> ModelVariant:
        """The language model that the settings of this process ask for.

        Raises:
            ModelError: They name a device that this machine does not have.
        """
        return ModelVariant.of(self._settings)

    def encoder(self) -> Encoder:
        """The sentence encoder, in this process or on a server."""
        if self._encoder is not None:  # only loading needs the lock
            return self._encoder
        with self.lock:
            if self._encoder is None:
                self._encoder = self._open_encoder()
            return self._encoder

    def _open_encoder(self) -> Encoder:
        if self._settings.embed_url:
            from core.models.server_encoder import ServerEncoder

            return ServerEncoder(Server.embedding(self._settings))
        return SentenceEncoder(self._settings.encoder, self._settings)

    def prompt(self) -> Prompt:
        """The prompt of the language model; loads only the tokenizer, not the model."""
        if self._prompt is not None:
            return self._prompt
        with self.lock:
            if self._prompt is None:
                folder = locate(self._settings.model, self._settings.home)
                self._prompt = Prompt(AutoTokenizer.from_pretrained(folder))
            return self._prompt

    def max_context(self) -> int:
        """Longest sequence in tokens that the language model supports; reads only its configuration."""
        folder = locate(self._settings.model, self._settings.home)
        return int(getattr(AutoConfig.from_pretrained(folder), "max_position_embeddings", 2048))

    def language_model(self, variant: ModelVariant | None = None) -> LanguageModel:
        """A language model, loaded once for each variant.

        Args:
            variant: The variant to load; None for that of this process's settings.

        Raises:
            ModelError: It cannot be loaded.
        """
        variant = variant or self.variant
        if variant not in self._language_models:
            with self.lock:
                if variant not in self._language_models:
                    self._language_models[variant] = self._load(variant)
        return self._language_models[variant]

    def _load(self, variant: ModelVariant) -> LanguageModel:
        if variant.adapter is None or variant.dtype == QUANTISED:
            return LanguageModel.load(variant, self._settings)
        # All variants share the tensors of the plain model that their adapters do not change.
        return self.language_model(variant.plain).with_adapter(Adapter.from_peft(variant.adapter))
