"""LoRA training of the reader adapter: interruptible and resumable, with a usable adapter on disk every few minutes.

Weights and LoRA use the model's own number format (bfloat16 where the processor supports it natively), and the
optimiser keeps float32 copies of the LoRA matrices. The loss covers the answer only, so that no logits are computed for
the many prompt tokens.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from core.digests import digest_of
from core.errors import ModelError
from core.jobs import Progress, Work
from core.messages import message
from core.models.encoder import Encoder
from core.models.language_model import LanguageModel
from core.reader.batches import answer_loss, micro_batches
from core.reader.examples import ExampleStream, Recipe
from core.reader.pools import VECTORS_PREFIX, PoolSource, load_pool

STATE_FILE = "checkpoint.safetensors"
ADAPTER_FILE, CONFIG_FILE = "adapter_model.safetensors", "adapter_config.json"


@dataclass(frozen=True)
class ReaderConfig:
    """Settings of the training.

    Attributes:
        minutes: Total wall time of training, over all resumptions.
        steps: Total number of optimiser steps; None trains for ``minutes``.
        rank: Rank of the LoRA matrices on all linear layers.
        alpha: LoRA scale; the update counts alpha / rank times.
        learning_rate: Peak of the schedule: linear warm-up, then cosine down to a twentieth.
        warm_up: Share of the training used for warm-up.
        batch: Examples per optimiser step, each with several questions.
        batch_tokens: Most tokens per forward pass, padding included.
        clip: Largest norm of the gradient.
        save_minutes: Time between two checkpoints.
        seed: Seed of the examples and of the LoRA matrices.
        recipe: Settings of the examples.
    """

    minutes: float = 40.0
    steps: int | None = None
    rank: int = 16
    alpha: int = 32
    learning_rate: float = 4e-4
    warm_up: float = 0.03
    batch: int = 4
    batch_tokens: int = 1024
    clip: float = 1.0
    save_minutes: float = 3.0
    seed: int = 0
    recipe: Recipe = field(default_factory=Recipe)


def train_reader(
    lm: LanguageModel,
    encoder: Encoder,
    sources: Sequence[PoolSource],
    output: Path,
    config: ReaderConfig,
    start: Path | None = None,
) -> Work:
    """Trains LoRA matrices on a plain model and writes them as an adapter for ``LanguageModel.load``.

    If ``output`` contains a checkpoint of the same configuration, training continues from it; a finished training
    removes its checkpoint. The given model is modified: load another one to answer with.

    Args:
        output: Folder of the adapter and its checkpoint.
        start: Folder of an adapter with the same rank and scale to start from; None starts from scratch.

    Yields:
        Progress; during training with ``data={"step", "loss", "minutes"}``, the loss in nats per answer token.

    Raises:
        CorpusError: A pool cannot be read, or no pool has a question to train on.
        ModelError: The checkpoint in ``output`` belongs to another configuration, ``start`` does not fit, or the
            training diverged.
    """
    pools = []
    for source in sources:
        pools.append((yield from load_pool(source, encoder, config.recipe.longest_answer, output)))
    examples = ExampleStream(pools, encoder, config.recipe, config.seed)
    trainer = _Trainer(lm, config, _description(sources, config, start))
    if start is not None:
        trainer.load_adapter(start)
    trainer.resume(output)
    saved_at = trainer.seconds
    try:
        while not trainer.finished:
            loss = trainer.step(examples)
            if trainer.seconds - saved_at >= 60 * config.save_minutes:
                trainer.save(output)
                saved_at = trainer.seconds
            yield trainer.progress(loss)
    finally:
        trainer.save(output)
    for path in (output / STATE_FILE, *output.glob(f"{VECTORS_PREFIX}*.npy")):
        path.unlink()


class _Trainer:
    def __init__(self, lm: LanguageModel, config: ReaderConfig, description: str) -> None:
        self._config, self._description = config, description
        self._prompt = lm.prompt
        self._stop = int(lm.tokenizer.eos_token_id)
        torch.manual_seed(config.seed)
        lora = LoraConfig(r=config.rank, lora_alpha=config.alpha, target_modules="all-linear", task_type="CAUSAL_LM")
        # By default, peft would keep the matrices in float32 and cast every activation back and forth.
        self._model = get_peft_model(lm.model, lora, autocast_adapter_dtype=False)
        written: Any = self._model.peft_config["default"]
        # peft would save the folder of the weights, which differs between machines.
        written.base_model_name_or_path = lm.identity.name
        # A set, which every process would write in another order.
        written.target_modules = sorted(written.target_modules)
        self._model.train()
        # Decoder and head are called separately, on the model inside peft's wrapper, which has the adapted layers.
        self._decoder: Any = self._model.get_base_model()
        self._working = [weight for weight in self._model.parameters() if weight.requires_grad]
        self._master = [weight.detach().float().clone().requires_grad_() for weight in self._working]
        self._optimiser = torch.optim.AdamW(self._master, lr=config.learning_rate, weight_decay=0.0)
        self.steps = 0
        self.seconds = 0.0

    @property
    def fraction(self) -> float:
        """Share of the training that is done, 0 to 1."""
        if self._config.steps is not None:
            return min(1.0, self.steps / max(1, self._config.steps))
        return min(1.0, self.seconds / (60 * self._config.minutes))

    @property
    def finished(self) -> bool:
        return self.fraction >= 1.0

    def step(self, examples: ExampleStream) -> float:
        """One optimiser step; returns its loss."""
        began = time.monotonic()
        first = self.steps * self._config.batch
        tokens = [examples[first + i].tokens(self._prompt, self._stop) for i in range(self._config.batch)]
        answer_tokens = sum(example.answer_tokens for example in tokens)
        total = 0.0
        for batch in micro_batches(tokens, self._config.batch_tokens):
            loss = answer_loss(self._decoder, batch, self._stop) / answer_tokens
            loss.backward()
            total += loss.item()
        if not math.isfinite(total):
            raise ModelError(
                message("The training diverged after {n} steps.", n=self.steps), "Use a smaller learning rate."
            )
        self._update()
        self.steps += 1
        self.seconds += time.monotonic() - began
        return total

    def _update(self) -> None:
        """Updates the float32 copies and copies them, rounded, into the model."""
        for master, weight in zip(self._master, self._working, strict=True):
            master.grad = None if weight.grad is None else weight.grad.float()
            weight.grad = None
        torch.nn.utils.clip_grad_norm_(self._master, self._config.clip)
        for group in self._optimiser.param_groups:
            group["lr"] = self._config.learning_rate * _schedule(self.fraction, self._config.warm_up)
        self._optimiser.step()
        self._round()

    @torch.no_grad()
    def _round(self) -> None:
        for master, weight in zip(self._master, self._working, strict=True):
            weight.copy_(master)

    def progress(self, loss: float) -> Progress:
        minutes = self.seconds / 60
        done, total = (
            (self.steps, self._config.steps)
            if self._config.steps is not None
            else (int(self.seconds), int(60 * self._config.minutes))
        )
        data = {"step": self.steps, "loss": loss, "minutes": minutes}
        note = message("step {step}, loss {loss:.3f}", step=self.steps, loss=loss)
        return Progress("Training the reader", done, total, note, data)

    def save(self, output: Path) -> None:
        """Writes the adapter and the checkpoint, each atomically."""
        output.mkdir(parents=True, exist_ok=True)
        _write_adapter(self._model, output)
        tensors = {f"{row}.weight": master.detach() for row, master in enumerate(self._master)}
        for row, moments in self._optimiser.state_dict()["state"].items():
            tensors |= {f"{row}.{name}": value for name, value in moments.items()}
        facts = {"training": self._description, "steps": str(self.steps), "seconds": str(self.seconds)}
        fresh = output / f".{STATE_FILE}"
        save_file(tensors, fresh, metadata=facts)
        fresh.replace(output / STATE_FILE)

    def load_adapter(self, start: Path) -> None:
        """Starts from the LoRA matrices of another adapter."""
        lora: Any = self._model.peft_config["default"]
        try:
            config: Any = LoraConfig.from_pretrained(str(start))
            same = (config.r, config.lora_alpha) == (lora.r, lora.lora_alpha)
            loaded = set_peft_model_state_dict(self._model, load_file(start / ADAPTER_FILE)) if same else None
        except (OSError, ValueError, RuntimeError) as error:
            raise ModelError(
                message("The adapter in {folder} cannot be read: {error}", folder=start.name, error=error),
                "Give its folder.",
            ) from error
        if loaded is None or loaded.unexpected_keys:
            raise ModelError(
                message(
                    "The adapter in {folder} has another rank, scale or model than the one to train.", folder=start.name
                ),
                message(
                    "Start from one of rank {rank} and alpha {alpha}, or from none.",
                    rank=lora.r,
                    alpha=lora.lora_alpha,
                ),
            )
        with torch.no_grad():
            for master, weight in zip(self._master, self._working, strict=True):
                master.copy_(weight)

    def resume(self, output: Path) -> None:
        """Loads the checkpoint in ``output``, if there is one."""
        path = output / STATE_FILE
        if not path.is_file():
            return
        with safe_open(path, framework="pt") as file:
            facts, tensors = file.metadata(), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        if facts["training"] != self._description:
            raise ModelError(
                message("{folder} holds a checkpoint of a training with other settings.", folder=output.name),
                message("Train into another folder, or delete its {file}.", file=STATE_FILE),
            )
        self.steps, self.seconds = int(facts["steps"]), float(facts["seconds"])
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for key, tensor in tensors.items():
            row, name = key.split(".")
            if name != "weight":
                moments.setdefault(int(row), {})[name] = tensor
        with torch.no_grad():
            for row, master in enumerate(self._master):
                master.copy_(tensors[f"{row}.weight"])
        groups = self._optimiser.state_dict()["param_groups"]
        self._optimiser.load_state_dict({"state": moments, "param_groups": groups})
        self._round()


def _description(sources: Sequence[PoolSource], config: ReaderConfig, start: Path | None) -> str:
    """Everything that must be equal for a training to resume a checkpoint: all settings but its duration."""
    durations = {"minutes", "steps", "save_minutes"}
    settings = {key: value for key, value in asdict(config).items() if key not in durations}
    start_digest = digest_of(start, "adapter_*") if start is not None else ""
    return f"{[(source.folder.name, source.share, source.closed_book) for source in sources]} {settings} {start_digest}"


def _write_adapter(model: Any, output: Path) -> None:
    """Writes the LoRA matrices in bfloat16 with peft's configuration."""
    tensors = {
        name: tensor.to(torch.bfloat16)
        for name, tensor in get_peft_model_state_dict(model, save_embedding_layers=False).items()
    }
    with TemporaryDirectory(dir=output, prefix=".adapter-") as scratch:
        save_file(tensors, Path(scratch) / ADAPTER_FILE, metadata={"format": "pt"})
        model.peft_config["default"].save_pretrained(scratch)
        for name in (ADAPTER_FILE, CONFIG_FILE):
            (Path(scratch) / name).replace(output / name)


def _schedule(fraction: float, warm_up: float) -> float:
    """Factor of the peak learning rate at a fraction of the training: linear warm-up, then cosine down to 0.05."""
    if fraction < warm_up:
        return max(0.02, fraction / warm_up)
    return 0.05 + 0.95 * (1 + math.cos(math.pi * (fraction - warm_up) / (1 - warm_up))) / 2
