"""Sentence encoders made of a transformer and a pooling layer, as most are, run by transformers alone.

sentence-transformers computes the same but takes two seconds and 160 MB to import, because its trainer imports
datasets, pandas, scikit-learn and peft. It runs all other encoders, see ``core.models.encoder``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import normalize
from transformers import AutoModel, AutoTokenizer

_BATCH = 32
_MEAN, _FIRST = "mean", "cls"
_POOLINGS = {"pooling_mode_mean_tokens": _MEAN, "pooling_mode_cls_token": _FIRST}


class PooledEncoder:
    """Mean or first (CLS) of the last hidden states, scaled to unit length.

    Attributes:
        max_tokens: Longest text, in tokens, special tokens included; longer texts are truncated.

    Args:
        folder: A model in the format of sentence-transformers.
        pooling: See ``pooling_of``.
    """

    def __init__(self, folder: Path, pooling: str, device: torch.device) -> None:
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self._model: Any = AutoModel.from_pretrained(folder, dtype=torch.float32).eval().to(device)
        self._pooling = pooling
        limits = (self._model.config.max_position_embeddings, self.tokenizer.model_max_length)
        self.max_tokens = int(_read(folder / "sentence_bert_config.json").get("max_seq_length") or min(limits))
        self.dim = int(self._model.config.hidden_size)

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> torch.Tensor:
        """Unit vectors [n, dim] of texts."""
        vectors = torch.empty(len(texts), self.dim)
        # Batches of texts of similar length need the least padding.
        order = sorted(range(len(texts)), key=lambda row: -len(texts[row]))
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            vectors[rows] = self._encode([texts[row] for row in rows]).float().cpu()
        return vectors

    @torch.inference_mode()
    def encode_tokens(self, texts: Sequence[str]) -> list[torch.Tensor]:
        """Last hidden states [tokens, dim] of each text, special tokens included, not scaled."""
        vectors: list[torch.Tensor] = []
        for start in range(0, len(texts), _BATCH):
            states, mask = self._states(list(texts[start : start + _BATCH]))
            vectors.extend(row[real.bool()].float().cpu() for row, real in zip(states, mask, strict=True))
        return vectors

    def _encode(self, texts: list[str]) -> torch.Tensor:
        states, mask = self._states(texts)
        if self._pooling == _FIRST:
            return normalize(states[:, 0], dim=1)
        mask = mask[..., None].to(states.dtype)
        return normalize((states * mask).sum(1) / mask.sum(1).clamp(min=1e-9), dim=1)

    def _states(self, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Last hidden states [n, tokens, dim] of a batch, and its attention mask [n, tokens]."""
        batch = self.tokenizer(
            texts, padding=True, truncation="longest_first", max_length=self.max_tokens, return_tensors="pt"
        ).to(self._model.device)
        return self._model(**batch).last_hidden_state, batch["attention_mask"]


def pooling_of(folder: Path) -> str | None:
    """The pooling of an encoder, "mean" or "cls"; None if the encoder has other parts or another pooling."""
    modules = _read(folder / "modules.json") or []
    kinds = [module["type"].rsplit(".", 1)[-1] for module in modules]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]) or modules[0]["path"]:
        return None
    settings = _read(folder / modules[1]["path"] / "config.json")
    flags = [_POOLINGS.get(name) for name, chosen in settings.items() if name.startswith("pooling_mode_") and chosen]
    modes = [mode for mode in _POOLINGS.values() if mode == settings.get("pooling_mode")] or flags  # version 5 names it
    changes = (  # settings with which the library would change a text first
        _read(folder / "sentence_bert_config.json").get("do_lower_case"),
        _read(folder / "config_sentence_transformers.json").get("default_prompt_name"),
        (folder / "chat_template.jinja").is_file() or _read(folder / "tokenizer_config.json").get("chat_template"),
    )
    return modes[0] if len(modes) == 1 and not any(changes) else None


def _read(path: Path) -> Any:
    """The content of a JSON file; an empty dict if there is no such file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
