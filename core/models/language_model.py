"""A causal language model behind the few calls that Tessera needs: begin a sequence, turn tokens into text."""

from __future__ import annotations

import hashlib
import json
import logging
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, DynamicCache, PreTrainedModel
from transformers.utils import logging as transformers_logging

from core.errors import ModelError
from core.models.device import choose_device, choose_dtype, synchroniser
from core.models.files import digest_of
from core.models.kv_buffer import new_buffer
from core.models.llama_decoder import LlamaDecoder, decoder_for
from core.models.presets import find_preset
from core.models.prompt import Prompt
from core.models.provision import locate
from core.models.session import Session
from core.settings import Settings

_REPLACEMENT = "\ufffd"


@dataclass(frozen=True)
class Identity:
    """What must be equal for tensors of one model to be used by another.

    Attributes:
        name: The name it was asked for by.
        weights: Digest of the weight files.
        tokenizer: Digest of the tokenizer.
        prompt: Digest of the prompt's template and instruction.
        adapter: Digest of the adapter merged into the weights; empty for the plain model.
        dtype: Number format it runs in.
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
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]


class LanguageModel:
    """A loaded model, its tokenizer and its prompt.

    Args:
        model: A decoder with a language modelling head.
        tokenizer: Its tokenizer.
        identity: Where its bits come from.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: Any, identity: Identity) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.identity = identity
        self.prompt = Prompt(tokenizer)
        self.synchronise = synchroniser(self.device)
        self._decoder: LlamaDecoder | None = None

    @classmethod
    def load(cls, name: str, settings: Settings, adapter: Path | None = None) -> LanguageModel:
        """Loads a model by folder, preset or hub id.

        Args:
            name: See ``core.models.provision.locate``.
            settings: Device, dtype and where model files live.
            adapter: A LoRA folder (peft format, safetensors) to read with; merged into the weights in float32 unless
                the model is quantised.

        Raises:
            ModelError: It cannot be found, is not a causal language model, or the adapter does not fit.
        """
        folder = locate(name, settings.home)
        preset = find_preset(name)
        wanted = preset.dtype if preset and settings.dtype == "auto" else settings.dtype
        device = choose_device(settings.device)
        dtype_name = choose_dtype(wanted, device)
        transformers_logging.disable_progress_bar()
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder)
            model = _load_weights(folder, device, dtype_name, adapter)
        except (OSError, ValueError) as error:
            raise ModelError(
                f"{name} could not be loaded as a causal language model: {error}", "Choose another model."
            ) from error
        identity = Identity(
            name=name,
            weights=digest_of(folder, "*.safetensors"),
            tokenizer=digest_of(folder, "tokenizer*"),
            prompt=Prompt(tokenizer).fingerprint,
            adapter=digest_of(adapter, "adapter_*") if adapter else "",
            dtype=dtype_name,
        )
        return cls(model, tokenizer, identity)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
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
        """Longest sequence in tokens that the model was made for."""
        return int(getattr(self.model.config, "max_position_embeddings", 2048))

    @property
    def stop_ids(self) -> frozenset[int]:
        """Ids that end an answer."""
        configured = self.model.generation_config.eos_token_id if self.model.generation_config else None
        ids = configured if isinstance(configured, list) else [configured]
        return frozenset(i for i in [*ids, self.tokenizer.eos_token_id] if i is not None)

    def session(self, cache: DynamicCache | None = None, ids: Sequence[int] = ()) -> Session:
        """Begins a sequence.

        Args:
            cache: What it continues, then owned by the session; without it, the sequence is empty.
            ids: The tokens that ``cache`` stands for, where they are known: an answer may be copied from them.
        """
        return Session(self, cache if cache is not None else new_buffer(self.model.config.num_hidden_layers), ids)

    def decoder(self) -> LlamaDecoder | None:
        """The short forward pass for the weights as they are now; None where only transformers will do."""
        if self._decoder is None or not self._decoder.holds():
            self._decoder = decoder_for(self.model)
        return self._decoder

    def stream_text(self, ids: Iterable[int]) -> Iterator[str]:
        """Turns token ids into text as they come; holds back the bytes of an unfinished character."""
        seen: list[int] = []
        shown = ""
        for token in ids:
            seen.append(token)
            text = self.tokenizer.decode(seen, skip_special_tokens=True)
            if text.endswith(_REPLACEMENT):
                continue
            yield text[len(shown) :]
            shown = text


def _load_weights(folder: Path, device: torch.device, dtype_name: str, adapter: Path | None) -> PreTrainedModel:
    if dtype_name == "nf4":
        config = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16)
        model = AutoModelForCausalLM.from_pretrained(folder, quantization_config=config, device_map={"": device})
        return _with_adapter(model, adapter, merge=False)
    # Merging in bfloat16 would round the small LoRA update away: merge in float32, then round once.
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    merged: torch.nn.Module = _with_adapter(model, adapter, merge=True)
    return cast(PreTrainedModel, merged.to(device=device, dtype=getattr(torch, dtype_name)))


def _with_adapter(model: PreTrainedModel, adapter: Path | None, merge: bool) -> PreTrainedModel:
    if adapter is None:
        return model
    # bitsandbytes comes along with peft and complains of a kernel that only 4-bit models on a CPU would use.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    from peft import PeftModel

    try:
        with warnings.catch_warnings():
            # peft asks transformers for an attribute by its former name.
            warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*")
            adapted = PeftModel.from_pretrained(model, adapter, is_trainable=False)
    except (RuntimeError, ValueError, OSError) as error:
        raise ModelError(
            f"The adapter in {adapter.name} does not fit this model: {error}", "Run without the adapter (--plain)."
        ) from error
    return cast(PreTrainedModel, adapted.merge_and_unload() if merge else adapted)
