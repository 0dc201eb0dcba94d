"""Converts a GGUF file to a folder that transformers loads quickly, or to a GGUF file with other numbers or weights.

transformers refuses to save a model loaded from GGUF, which still counts as quantised. Its weights are therefore copied
into a new model of the same configuration and rounded to bfloat16, so that float32 and bfloat16 runs use equal weights.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

FORMATS = {"float32": "F32", "bfloat16": "BF16", "float16": "F16"}
"""GGUF names of the unquantised number formats."""


def convert(source: Path, target: Path) -> None:
    """Writes config, safetensors weights and tokenizer of a GGUF model to ``target``."""
    folder, name = str(source.parent), source.name
    loaded = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32)
    config = type(loaded.config).from_dict(loaded.config.to_dict())
    config.quantization_config = None
    fresh = type(loaded)(config)
    fresh.load_state_dict(loaded.state_dict())
    fresh.tie_weights()
    fresh.bfloat16().save_pretrained(target)
    AutoTokenizer.from_pretrained(folder, gguf_file=name).save_pretrained(target)


def dequantise(source: Path, target: Path, dtype: str) -> None:
    """Writes a copy of a GGUF model with all its matrices in one number format.

    Args:
        dtype: A key of ``FORMATS``.
    """
    import gguf

    _rewrite(source, target, dtype, lambda tensor: gguf.dequantize(tensor.data, tensor.tensor_type))


def with_weights(source: Path, target: Path, dtype: str, model: PreTrainedModel) -> None:
    """Writes a copy of a GGUF model with the weights of another one of the same shape, such as the same fine-tuned.

    Args:
        source: The GGUF file; its tokenizer, template and settings are kept.
        dtype: A key of ``FORMATS``.
        model: The weights, in transformers' layout.

    Raises:
        ValueError: The model has other tensors than the file.
    """
    weights = _in_gguf_layout(model)

    def weight(tensor: Any) -> np.ndarray:
        value = weights.get(tensor.name)
        if value is None or list(value.shape) != list(reversed(tensor.shape.tolist())):
            raise ValueError(f"the model has no {tensor.name} of the shape {tensor.shape.tolist()}")
        return value.detach().float().cpu().numpy()

    _rewrite(source, target, dtype, weight)


def _in_gguf_layout(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    """Tensors by their names in GGUF; queries and keys of Llama with the two halves of each head interleaved."""
    import gguf

    config: Any = model.config
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    weights: dict[str, torch.Tensor] = {}
    for path, values in model.state_dict().items():
        count = heads.get(path.split(".")[-2])
        if count:  # llama.cpp rotates neighbouring numbers, transformers those half a head apart
            values = values.view(count, 2, -1, values.shape[1]).transpose(1, 2).reshape(values.shape)
        weights[str(names.get_name(path, try_suffixes=(".weight",)))] = values
    return weights


def _rewrite(source: Path, target: Path, dtype: str, values_of: Callable[[Any], np.ndarray]) -> None:
    import gguf

    reader = gguf.GGUFReader(source)
    kind = gguf.GGMLQuantizationType[FORMATS[dtype]]
    writer = gguf.GGUFWriter(target, reader.fields["general.architecture"].contents())
    replaced = ("general.architecture", "general.file_type", "general.quantization_version")  # set by the writer
    for name, field in reader.fields.items():
        if name not in replaced and not name.startswith("GGUF."):
            inner = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(name, field.contents(), field.types[0], inner)
    writer.add_file_type(gguf.LlamaFileType[{"F32": "ALL_F32"}.get(kind.name, f"MOSTLY_{kind.name}")])
    for tensor in reader.tensors:
        values = values_of(tensor)
        is_norm = values.ndim < 2  # norms are float32 in every GGUF model
        writer.add_tensor(
            tensor.name, values if is_norm else gguf.quantize(values, kind), raw_dtype=None if is_norm else kind
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
