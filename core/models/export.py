"""Writes the language model with its reader adapter merged in, so that a server runs the very model of this process.

export_folder(lm, Path("reader"))             config, safetensors and tokenizer: vLLM, SGLang, TESSERA_MODEL
export_gguf(lm, original, Path("reader.gguf"))    one file: llama.cpp, Ollama
"""

from __future__ import annotations

import json
from pathlib import Path

from core import swap
from core.errors import ModelError, TesseraError
from core.messages import message
from core.models.gguf import FORMATS, with_weights
from core.models.language_model import QUANTISED, LanguageModel

CARD = "tessera-export.json"


def export_folder(lm: LanguageModel, target: Path) -> Path:
    """Writes a folder that transformers and its servers load; it needs no adapter beside it.

    Raises:
        ModelError: The model is in 4 bits, into which no adapter can be merged.
        TesseraError: The folder is there already, or cannot be written.
    """
    _check(lm, target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with swap.scratch_for(target) as scratch:
            fresh = scratch / target.name
            lm.model.save_pretrained(fresh)
            lm.tokenizer.save_pretrained(fresh)
            (fresh / CARD).write_text(json.dumps(_card(lm), indent=1), encoding="utf-8")
            swap.install(fresh, target)
    except OSError as error:
        raise _unwritten(target, error) from error
    return target


def export_gguf(lm: LanguageModel, original: Path | None, target: Path) -> Path:
    """Writes a GGUF file in the number format of the model.

    Args:
        lm: The model, with or without adapter.
        original: A GGUF file of the plain model, from which tokenizer and template are taken; None where there is none.

    Raises:
        ModelError: There is no such file, or the model does not fit it.
        TesseraError: The target is there already, or cannot be written.
    """
    _check(lm, target)
    if original is None or lm.identity.dtype not in FORMATS:
        raise ModelError(
            message("There is no GGUF file of {name} to take tokenizer and template from.", name=lm.identity.name),
            "Export a folder, and convert it with llama.cpp's convert_hf_to_gguf.py.",
        )
    scratch = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with_weights(original, scratch, lm.identity.dtype, lm.model)
        scratch.replace(target)
    except ValueError as error:
        raise ModelError(
            message("{name} does not fit its GGUF file: {error}", name=lm.identity.name, error=error),
            "Export a folder instead.",
        ) from error
    except OSError as error:
        raise _unwritten(target, error) from error
    finally:
        scratch.unlink(missing_ok=True)
    return target


def _check(lm: LanguageModel, target: Path) -> None:
    if lm.identity.dtype == QUANTISED:
        raise ModelError(
            message("{name} is loaded in 4 bits, into which no adapter can be merged.", name=lm.identity.name),
            "Set TESSERA_DTYPE to bfloat16 or float32.",
        )
    if target.exists():
        raise TesseraError(message("{path} is there already.", path=target), "Choose another place, or delete it.")


def _card(lm: LanguageModel) -> dict[str, str]:
    """Where the weights come from; a new folder is another model to caches and memories."""
    return {"model": lm.identity.name, "weights": lm.identity.weights, "adapter": lm.identity.adapter}


def _unwritten(target: Path, error: OSError) -> TesseraError:
    return TesseraError(
        message("{path} cannot be written ({error}).", path=target, error=error.strerror or str(error)),
        "Free disk space, or choose another place.",
    )
