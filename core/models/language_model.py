"""A causal language model with the few operations that Tessera needs: start a sequence, turn tokens into text."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast
from weakref import WeakValueDictionary

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache, PreTrainedModel
from transformers.utils import logging as transformers_logging

from core.digests import digest_of, json_digest
from core.errors import ModelError
from core.messages import message
from core.models.adapter import Adapter, merged
from core.models.device import choose_device, synchroniser
from core.models.download import locate
from core.models.kv_buffer import new_buffer
from core.models.llama_decoder import LlamaDecoder, decoder_for
from core.models.mapped import back_by_file, release_pages
from core.models.prompt import Prompt
from core.models.session import Session
from core.models.variant import ModelVariant
from core.settings import Settings
from core.trace import Tracer

QUANTISED = "nf4"
"""The 4-bit number format, whose packed weights cannot be merged with an adapter."""
_REPLACEMENT = "\ufffd"


@dataclass(frozen=True)
class Identity:
    """What must be equal for two models to share stored tensors.

    Attributes:
        name: The name in the settings; not part of the fingerprint.
        prompt: Digest of the prompt's template and instruction.
        adapter: Digest of the adapter merged into the weights; empty for the plain model.
    """

    name: str
    weights: str
    tokenizer: str
    prompt: str
    adapter: str
    dtype: str

    @property
    def fingerprint(self) -> str:
        """Digest of all fields but the name."""
        fields = {key: value for key, value in asdict(self).items() if key != "name"}
        return json_digest(fields)


class LanguageModel:
    """A loaded model, its tokenizer and its prompt.

    Args:
        scratch: Folder for temporary files of merged weights; None keeps them in memory.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: Any, identity: Identity, scratch: Path | None = None) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.identity = identity
        self.prompt = Prompt(tokenizer)
        self.synchronise = synchroniser(self.device)
        self._scratch = scratch
        self._decoder: LlamaDecoder | None = None
        self._adapted: WeakValueDictionary[str, LanguageModel] = WeakValueDictionary()

    @classmethod
    def load(cls, variant: ModelVariant, settings: Settings) -> LanguageModel:
        """Loads a model by folder, preset or hub id.

        Args:
            variant: The model to load. Its adapter (peft format, safetensors) is merged into the weights unless the
                model is quantised.

        Raises:
            ModelError: The model is not found or not a causal language model, or the adapter does not fit.
        """
        name, adapter = variant.name, variant.adapter
        if adapter is not None and variant.dtype != QUANTISED:
            return cls.load(variant.plain, settings).with_adapter(Adapter.from_peft(adapter))
        folder = locate(name, settings.home)
        device = choose_device(settings.device)
        transformers_logging.disable_progress_bar()
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder)
            model = _load_weights(folder, device, variant.dtype, adapter, settings.home)
        except (OSError, ValueError) as error:
            raise ModelError(
                message("{name} could not be loaded as a causal language model: {error}", name=name, error=error),
                "Choose another model.",
            ) from error
        identity = Identity(
            name=name,
            weights=digest_of(folder, "*.safetensors"),
            tokenizer=digest_of(folder, "tokenizer*"),
            prompt=Prompt(tokenizer).fingerprint,
            adapter=digest_of(adapter, "adapter_*") if adapter else "",
            dtype=variant.dtype,
        )
        return cls(model, tokenizer, identity, settings.home)

    def with_adapter(self, adapter: Adapter) -> LanguageModel:
        """This model with an adapter merged in; callers share one copy. Not for quantised weights.

        Raises:
            ModelError: The adapter does not fit.
        """
        adapted = self._adapted.get(adapter.digest)
        if adapted is None:
            model = merged(self.model, adapter, self._scratch)
            release_pages(self.model)
            identity = replace(self.identity, adapter=adapter.digest)
            adapted = self._adapted[adapter.digest] = LanguageModel(model, self.tokenizer, identity, self._scratch)
        return adapted

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return self.model.device

    @property
    def dtype(self) -> torch.dtype:
        """Number format of activations and of the KV cache."""
        return self.model.get_input_embeddings().weight.dtype

    @property
    def kv_bytes_per_token(self) -> int:
        """Bytes of keys and values per token: 2 (K, V) x layers x kv heads x head dim x bytes per number."""
        config = self.model.config
        head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        kv_heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        return 2 * config.num_hidden_layers * kv_heads * head_dim * self.dtype.itemsize

    @property
    def max_context(self) -> int:
        """Longest sequence in tokens that the model supports."""
        return int(getattr(self.model.config, "max_position_embeddings", 2048))

    @property
    def stop_ids(self) -> frozenset[int]:
        """Token ids that end an answer."""
        configured = self.model.generation_config.eos_token_id if self.model.generation_config else None
        ids = configured if isinstance(configured, list) else [configured]
        return frozenset(i for i in [*ids, self.tokenizer.eos_token_id] if i is not None)

    def session(self, cache: DynamicCache | None = None, ids: Sequence[int] = ()) -> Session:
        """Starts a sequence.

        Args:
            cache: Keys and values to continue from, owned by the session from now on; None starts an empty sequence.
            ids: Token ids of ``cache``, if known, for prompt lookup decoding.
        """
        return Session(self, new_buffer(self.model.config.num_hidden_layers) if cache is None else cache, ids)

    def decoder(self) -> LlamaDecoder | None:
        """The fast forward pass for the current weights; None if the model needs that of transformers."""
        if self._decoder is None or not self._decoder.is_current():
            self._decoder = decoder_for(self.model)
            if self._decoder and self._decoder.packed:
                release_pages(self.model)
        return self._decoder

    @torch.inference_mode()
    def embed(self, ids: Sequence[int]) -> torch.Tensor:
        """Embeddings [T, hidden] of token ids."""
        embedded: torch.Tensor = self.model.get_input_embeddings()(torch.tensor(list(ids), device=self.device))
        return embedded

    def against_vocabulary(self, vectors: torch.Tensor) -> torch.Tensor:
        """Products [T, vocabulary] of vectors [T, hidden], in the model's number format, with all token embeddings."""
        embeddings, decoder = self.model.get_input_embeddings().weight, self.decoder()
        if decoder is None or self.model.get_output_embeddings().weight is not embeddings:
            return vectors @ embeddings.T
        return decoder.logits(vectors)

    def stream_text(self, ids: Iterable[int]) -> Iterator[str]:
        """Turns token ids into text as they arrive; waits for the remaining bytes of an unfinished character."""
        seen: list[int] = []
        streamed = ""
        for token in ids:
            seen.append(token)
            text = self.tokenizer.decode(seen, skip_special_tokens=True)
            if text == streamed or text.endswith(_REPLACEMENT):
                continue
            yield text[len(streamed) :]
            streamed = text

    def text(self, ids: Iterable[int]) -> str:
        """The whole text of ``stream_text``, stripped."""
        return "".join(self.stream_text(ids)).strip()

    def stream_answer(self, session: Session, limit: int, tracer: Tracer) -> Iterator[str]:
        """Pieces of the greedy answer that continues a session, of at most ``limit`` tokens; the span "decode".

        The first token is marked when its id is known, whether or not it already makes a whole character.
        """

        def counted() -> Iterator[int]:
            for token in session.decode(limit):
                tracer.first_token()
                tracer.generated_tokens += 1
                yield token

        with tracer.span("decode"):
            yield from self.stream_text(counted())


def _load_weights(
    folder: Path, device: torch.device, dtype_name: str, adapter: Path | None, scratch: Path
) -> PreTrainedModel:
    if dtype_name == QUANTISED:
        from transformers import BitsAndBytesConfig

        config = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16)
        model = AutoModelForCausalLM.from_pretrained(folder, quantization_config=config, device_map={"": device})
        return _with_peft_adapter(model, adapter) if adapter else cast(PreTrainedModel, model)
    loaded: torch.nn.Module = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype_name))
    if device.type == "cpu":
        back_by_file(loaded, scratch)
    return cast(PreTrainedModel, loaded.to(device=device))


def _with_peft_adapter(model: PreTrainedModel, adapter: Path) -> PreTrainedModel:
    """A quantised model with an unmerged adapter."""
    from peft import PeftModel

    try:
        with warnings.catch_warnings():
            # peft reads an attribute of transformers by its deprecated name.
            warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*")
            adapted = PeftModel.from_pretrained(model, adapter, is_trainable=False)
    except (RuntimeError, ValueError, OSError) as error:
        raise ModelError(
            message("The adapter in {name} does not fit this model: {error}", name=adapter.name, error=error),
            "Run without the adapter (--plain).",
        ) from error
    return cast(PreTrainedModel, adapted)
