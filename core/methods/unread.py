"""Warnings about questions in a script that the encoder or the language model does not know."""

from __future__ import annotations

from core.messages import Message, message
from core.models.encoder import Encoder
from core.models.language_model import LanguageModel
from core.models.presets import MULTILINGUAL_E5
from core.models.scripts import knows_script

MULTILINGUAL_MODEL = "Qwen/Qwen3-0.6B"


def script_warnings(
    question: str, encoder: Encoder | None = None, lm: LanguageModel | None = None
) -> tuple[Message, ...]:
    """A warning with a remedy for each model that does not know the script of the question; usually none.

    Args:
        encoder: The encoder of the question; None if it is not encoded.
        lm: The language model that answers it; None if there is none.
    """
    warnings = []
    if encoder and not encoder.knows(question):
        warnings.append(
            message(
                "The encoder {name} does not know the script of this question: nearly all of its words are unknown to "
                "it or spelled letter by letter, so what it finds has little to do with them. Set "
                "TESSERA_ENCODER={other}, which knows about 100 languages, and bring the documents in again.",
                name=encoder.name,
                other=MULTILINGUAL_E5.name,
            )
        )
    if lm and not knows_script(lm.tokenizer, question):
        warnings.append(
            message(
                "The language model {name} does not know the script of this question: it is spelled to it byte by "
                "byte, and what it answers means little. Set TESSERA_MODEL to one that does, such as {other}.",
                name=lm.identity.name,
                other=MULTILINGUAL_MODEL,
            )
        )
    return tuple(warnings)
