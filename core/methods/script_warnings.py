"""Warnings about questions and documents in a script that the encoder or the language model does not know."""

from __future__ import annotations

from collections.abc import Sequence

import regex

from core.corpus.types import Passage, texts
from core.messages import Message, message
from core.models.encoder import Encoder
from core.models.presets import MULTILINGUAL_E5, find_preset
from core.models.prompt import Prompt
from core.models.registry import Models
from core.settings import Settings

MULTILINGUAL_MODEL = "Qwen/Qwen3-0.6B"
_SAMPLED = 20
"""Passages that stand for all of a corpus."""
_LETTER = regex.compile(r"\p{L}")
_FOREIGN = regex.compile(r"[\p{L}--\p{Latin}]", regex.V1)


def script_warnings(
    question: str, encoder: Encoder | None, prompt: Prompt | None = None, model: str = ""
) -> tuple[Message, ...]:
    """A warning with a remedy for each model that does not know the script of the question; usually none.

    Args:
        encoder: The encoder of the question; None if it is not encoded.
        prompt: The prompt of the language model that answers it; None if it runs elsewhere.
        model: The name of that model.
    """
    return (*_of_encoder(question, encoder), *_of_model(question, prompt, model))


def corpus_warnings(passages: Sequence[Passage], models: Models, settings: Settings) -> tuple[Message, ...]:
    """The same about documents; no model is loaded for those in Latin letters.

    Args:
        passages: Of the corpus.
        models: The encoder, and the tokenizer of the language model.
        settings: Say whether the language model runs here.
    """
    sampled = " ".join(texts(passages[:: max(1, len(passages) // _SAMPLED)]))
    if 2 * len(_FOREIGN.findall(sampled)) < len(_LETTER.findall(sampled)):
        return ()
    prompt = None if settings.engine_url else models.prompt()
    return script_warnings(sampled, models.encoder(), prompt, settings.model)


def _of_encoder(text: str, encoder: Encoder | None) -> tuple[Message, ...]:
    if encoder is None or encoder.knows(text):
        return ()
    return (
        message(
            "The encoder {name} does not know this script: nearly all words are unknown to it or spelled letter by "
            "letter, so what it finds has little to do with them. Choose {other}, which knows about 100 languages "
            "(TESSERA_ENCODER={other}), and embed the passages again.",
            name=encoder.name,
            other=MULTILINGUAL_E5.name,
        ),
    )


def _of_model(text: str, prompt: Prompt | None, model: str) -> tuple[Message, ...]:
    if prompt is None or prompt.knows(text):
        return ()
    values = {"name": model, "other": MULTILINGUAL_MODEL}
    preset = find_preset(model)
    if preset and preset.english_only:
        return (
            message(
                "This model answers English only: {name} reads other scripts byte by byte, and its answers to them "
                "mean little. Choose another, such as {other} (TESSERA_MODEL={other}), or connect a server.",
                **values,
            ),
        )
    return (
        message(
            "The language model {name} does not know this script: it reads it byte by byte, and its answers mean "
            "little. Choose another, such as {other} (TESSERA_MODEL={other}), or connect a server.",
            **values,
        ),
    )
