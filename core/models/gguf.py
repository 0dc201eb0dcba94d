"""Turns a GGUF file into a folder that transformers loads quickly.

A model loaded from GGUF refuses ``save_pretrained`` (it still counts as quantised), so its weights are copied into a
fresh model of the same configuration, rounded to bfloat16 once: float32 and bfloat16 runs then share the same bits.
"""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def convert(source: Path, target: Path) -> None:
    """Writes config, safetensors weights and tokenizer of a GGUF model to ``target``.

    Args:
        source: The GGUF file.
        target: Folder to create.
    """
    where, name = str(source.parent), source.name
    loaded = AutoModelForCausalLM.from_pretrained(where, gguf_file=name, dtype=torch.float32)
    config = type(loaded.config).from_dict(loaded.config.to_dict())
    config.quantization_config = None
    fresh = type(loaded)(config)
    fresh.load_state_dict(loaded.state_dict())
    fresh.tie_weights()
    fresh.bfloat16().save_pretrained(target)
    AutoTokenizer.from_pretrained(where, gguf_file=name).save_pretrained(target)
