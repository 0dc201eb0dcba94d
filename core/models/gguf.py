"""Turns a GGUF file into a folder that transformers loads quickly, or into a GGUF file of another number format.

A model loaded from GGUF refuses ``save_pretrained`` (it still counts as quantised), so its weights are copied into a
fresh model of the same configuration, rounded to bfloat16 once: float32 and bfloat16 runs then share the same bits.
"""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

FORMATS = {"float32": "F32", "bfloat16": "BF16", "float16": "F16"}
"""What GGUF calls the number formats that are not quantised."""


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


def widen(source: Path, target: Path, dtype: str) -> None:
    """Writes a GGUF model again with its matrices in one number format; everything else stays as it is.

    Args:
        source: The GGUF file.
        target: File to write.
        dtype: A key of ``FORMATS``.
    """
    import gguf

    reader = gguf.GGUFReader(source)
    kind = gguf.GGMLQuantizationType[FORMATS[dtype]]
    writer = gguf.GGUFWriter(target, reader.fields["general.architecture"].contents())
    own = ("general.architecture", "general.file_type", "general.quantization_version")  # said of what is written
    for name, field in reader.fields.items():
        if name not in own and not name.startswith("GGUF."):
            inner = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(name, field.contents(), field.types[0], inner)
    writer.add_file_type(gguf.LlamaFileType[{"F32": "ALL_F32"}.get(kind.name, f"MOSTLY_{kind.name}")])
    for tensor in reader.tensors:
        values = gguf.dequantize(tensor.data, tensor.tensor_type)
        keeps = values.ndim < 2  # norms are float32 in every GGUF model
        written = values if keeps else gguf.quantize(values, kind)
        writer.add_tensor(tensor.name, written, raw_dtype=None if keeps else kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
