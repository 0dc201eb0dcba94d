"""Converts a GGUF file to a folder that transformers loads quickly, or to a GGUF file in another number format.

transformers refuses to save a model loaded from GGUF, which still counts as quantised. Its weights are therefore copied
into a new model of the same configuration and rounded to bfloat16, so that float32 and bfloat16 runs use equal weights.
"""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

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
        values = gguf.dequantize(tensor.data, tensor.tensor_type)
        is_norm = values.ndim < 2  # norms are float32 in every GGUF model
        writer.add_tensor(
            tensor.name, values if is_norm else gguf.quantize(values, kind), raw_dtype=None if is_norm else kind
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
