"""The models of one process, each loaded once, and the lock that keeps answers from disturbing each other's clock."""

from __future__ import annotations

from pathlib import Path

from transformers import AutoConfig, AutoTokenizer

from core.kvcache.budget import Budget
from core.models.encoder import Encoder, SentenceEncoder
from core.models.language_model import LanguageModel
from core.models.presets import SMOLLM2
from core.models.prompt import Prompt
from core.models.provision import locate
from core.settings import ROOT, Settings
from core.turns import Turns

READER_FOLDER = ROOT / "assets" / "reader" / SMOLLM2.name


def reader_for(name: str) -> Path | None:
    """The reader adapter shipped for a model, or None: larger models read well without one."""
    trained_for = name in (SMOLLM2.name, SMOLLM2.hub_id)
    return READER_FOLDER if trained_for and (READER_FOLDER / "adapter_config.json").is_file() else None


class Models:
    """Loads models when they are first asked for.

    Attributes:
        settings: Names, device and dtype.
        lock: Held by whoever computes, one after another in the order in which they came: two answers at once on one
            device would corrupt each other's latency.
        cache_budget: Room for the KV caches of all methods that are open.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.lock = Turns()
        self.cache_budget = Budget(settings.cache_bytes)
        self._encoder: Encoder | None = None
        self._prompt: Prompt | None = None
        self._language_models: dict[bool, LanguageModel] = {}

    def encoder(self) -> Encoder:
        """The sentence encoder."""
        if self._encoder is not None:  # only loading needs a turn
            return self._encoder
        with self.lock:
            if self._encoder is None:
                self._encoder = SentenceEncoder(self.settings.encoder, self.settings)
            return self._encoder

    def prompt(self) -> Prompt:
        """The prompt of the language model; loads the tokenizer alone where the model is not loaded yet."""
        if self._prompt is not None:
            return self._prompt
        with self.lock:
            if self._prompt is None:
                folder = locate(self.settings.model, self.settings.home)
                self._prompt = Prompt(AutoTokenizer.from_pretrained(folder))
            return self._prompt

    def max_context(self) -> int:
        """Longest sequence in tokens that the language model takes; reads its configuration alone."""
        folder = locate(self.settings.model, self.settings.home)
        return int(getattr(AutoConfig.from_pretrained(folder), "max_position_embeddings", 2048))

    def language_model(self, reader: bool | None = None) -> LanguageModel:
        """The language model.

        Args:
            reader: With the reader adapter or plain; None follows the settings. Without an adapter for the model,
                both are the plain one.
        """
        adapter = reader_for(self.settings.model)
        with_reader = adapter is not None and (self.settings.reader if reader is None else reader)
        if with_reader in self._language_models:
            return self._language_models[with_reader]
        with self.lock:
            if with_reader not in self._language_models:
                self._language_models[with_reader] = LanguageModel.load(
                    self.settings.model, self.settings, adapter if with_reader else None
                )
            return self._language_models[with_reader]
