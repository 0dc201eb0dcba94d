"""Tiny stand-ins for the models: random, seeded, offline, a few milliseconds each."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers, trainers
from tokenizers.models import BPE
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from core.fair_lock import FairLock
from core.models.budget import Budget
from core.models.language_model import Identity, LanguageModel
from core.models.prompt import Prompt
from core.models.variant import ModelVariant
from core.settings import Settings
from tests.encoder import TinyEncoder

_SENTENCES = (
    "The harbour of Ostrava Vale is lit by a tower of blue glass.",
    "Every winter the glass keepers carry lamps over the frozen canal.",
    "Answer the question from the passages in as few words as possible.",
    "Question: who built the observatory on the hill, and when?",
    "서울의 오래된 도서관은 강가에 있다. 도서관에는 지도가 많다.",
    "질문: 누가 천문대를 지었는가?",
)
_CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer of 400 tokens with a chat template: any Unicode text survives a round trip."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<|im_start|>", "<|im_end|>"],
        show_progress=False,
    )
    tokenizer.train_from_iterator(_SENTENCES, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|im_end|>")
    fast.chat_template = _CHAT_TEMPLATE
    return fast


def tiny_language_model(seed: int = 0, layers: int = 2, context: int = 4096) -> LanguageModel:
    """A random Llama in float32; another seed is another model with another identity."""
    tokenizer = tiny_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=context,
        # The default 0.02 makes attention so flat that a wrong cache would hardly change an answer.
        initializer_range=0.2,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    identity = Identity(
        name="tiny",
        weights=f"random-{seed}-{layers}",
        tokenizer="tiny",
        prompt=Prompt(tokenizer).fingerprint,
        adapter="",
        dtype="float32",
    )
    return LanguageModel(model, tokenizer, identity)


def tiny_sentence_encoder(folder: Path, max_tokens: int = 64) -> Path:
    """A random two-layer BERT with mean pooling, in the format of sentence-transformers; returns its folder."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Normalize, Pooling, Transformer

    _save_tiny_bert(BertModel, folder / "bert")
    parts = Transformer(str(folder / "bert"), max_seq_length=max_tokens)
    SentenceTransformer(modules=[parts, Pooling(32, "mean"), Normalize()], device="cpu").save(str(folder / "encoder"))
    return folder / "encoder"


def tiny_cross_encoder(folder: Path, outputs: int = 1) -> Path:
    """A random two-layer BERT that scores pairs of texts; returns its folder."""
    _save_tiny_bert(BertForSequenceClassification, folder, num_labels=outputs)
    return folder


def _save_tiny_bert(kind: type[PreTrainedModel], folder: Path, **settings: int) -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = None
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        # The default 0.02 makes all vectors of a text nearly the same.
        kind(BertConfig(vocab_size=len(tokenizer), initializer_range=0.4, **shape, **settings)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


class TinyModels:
    """Stands in for ``core.models.registry.Models``: the same tiny model with and without the reader."""

    def __init__(self, settings: Settings, lm: LanguageModel, encoder: TinyEncoder) -> None:
        self.settings, self.lock = settings, FairLock()
        self.cache_budget = Budget(settings.cache_bytes)
        self._lm, self._encoder = lm, encoder

    def encoder(self) -> TinyEncoder:
        return self._encoder

    def language_model(self, variant: ModelVariant | None = None) -> LanguageModel:
        return self._lm

    @property
    def variant(self) -> ModelVariant:
        return ModelVariant.of(self.settings)

    def prompt(self) -> Prompt:
        return self._lm.prompt

    def max_context(self) -> int:
        return self._lm.max_context
