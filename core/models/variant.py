"""A language model's name, reader adapter and number format, derived from the settings here only.

variant = ModelVariant.of(settings)      # with the reader adapter, if the model has one
models.language_model(variant.plain)     # the same model without it
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from core.models.device import choose_device, choose_dtype
from core.models.presets import SMOLLM2, find_preset
from core.settings import ROOT, Settings

READER_FOLDER = ROOT / "assets" / "reader" / SMOLLM2.name


def reader_for(name: str) -> Path | None:
    """The reader adapter shipped for a model, or None: larger models do well without one."""
    trained_for = name in (SMOLLM2.name, SMOLLM2.hub_id)
    return READER_FOLDER if trained_for and (READER_FOLDER / "adapter_config.json").is_file() else None


@dataclass(frozen=True)
class ModelVariant:
    """One form of a language model. Each variant is loaded once and has its own KV caches.

    Attributes:
        name: Preset, folder or hub id; see ``core.models.download.locate``.
        adapter: Folder of the LoRA adapter merged into the weights; None for the plain model.
        dtype: Number format: float32, bfloat16, float16 or nf4.
    """

    name: str
    adapter: Path | None
    dtype: str

    @classmethod
    def of(cls, settings: Settings) -> ModelVariant:
        """The variant that the settings specify; dtype "auto" takes the preset's, else one that fits the device.

        Raises:
            ModelError: The settings name a device that this machine does not have.
        """
        preset = find_preset(settings.model)
        dtype = preset.dtype if preset and settings.dtype == "auto" else settings.dtype
        adapter = reader_for(settings.model) if settings.reader else None
        return cls(settings.model, adapter, choose_dtype(dtype, choose_device(settings.device)))

    @property
    def plain(self) -> ModelVariant:
        """The same model without an adapter."""
        return replace(self, adapter=None)
