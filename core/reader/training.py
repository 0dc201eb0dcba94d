"""LoRA training of the reader adapter: interruptible, resumable, with a usable adapter on disk every few minutes.

Run it with ``python -m app train-reader --pool DIR --pool DIR --minutes 40``.

Weights and LoRA compute in the model's own format (bfloat16 where the processor multiplies it natively), the
optimiser keeps float32 copies of the LoRA matrices, and the loss is taken on the answer alone, so that the
vocabulary is never projected at the tens of prompt tokens that each answer token has.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import safe_open
from safetensors.torch import save_file
from torch.nn import functional

from core.errors import ModelError
from core.jobs import Progress, Work
from core.models.language_model import LanguageModel
from core.reader.examples import ExampleStream, Recipe

STATE_FILE = "checkpoint.safetensors"
ADAPTER_FILE = "adapter_model.safetensors"
_IGNORED = -100


@dataclass(frozen=True)
class ReaderConfig:
    """How the reader is trained.

    Attributes:
        minutes: Wall time of training in all, over all resumptions.
        steps: Optimiser steps in all; None trains for ``minutes``.
        rank: Rank of the LoRA matrices on all linear layers.
        alpha: LoRA scale; the update counts alpha / rank times.
        learning_rate: Peak of the schedule: linear warm-up, then cosine down to a twentieth.
        warm_up: Share of the training that warms up.
        batch: Examples for each optimiser step.
        batch_tokens: Most padded tokens that go through the model at once.
        clip: Largest norm of the gradient.
        save_minutes: Time between two checkpoints.
        seed: Seed of the examples and of the LoRA matrices.
        recipe: What the examples look like.
    """

    minutes: float = 40.0
    steps: int | None = None
    rank: int = 16
    alpha: int = 32
    learning_rate: float = 8e-4
    warm_up: float = 0.03
    batch: int = 8
    batch_tokens: int = 2048
    clip: float = 1.0
    save_minutes: float = 5.0
    seed: int = 0
    recipe: Recipe = field(default_factory=Recipe)


def train_reader(lm: LanguageModel, examples: ExampleStream, output: Path, config: ReaderConfig) -> Work:
    """Trains LoRA matrices on a plain model and writes them as an adapter that ``LanguageModel.load`` takes.

    Training in a folder that holds a checkpoint of the same configuration goes on from there. The model that was
    passed in is changed: load another one to answer with.

    Args:
        lm: The plain model.
        examples: What to train on.
        output: Folder of the adapter and its checkpoint.
        config: How.

    Yields:
        A step each, with ``data={"step", "loss", "minutes"}``; loss in nats per answer token.

    Raises:
        ModelError: The checkpoint in ``output`` belongs to another configuration.
    """
    trainer = _Trainer(lm, config)
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


class _Trainer:
    def __init__(self, lm: LanguageModel, config: ReaderConfig) -> None:
        self._config = config
        self._prompt, self._device = lm.prompt, lm.device
        self._stop = int(lm.tokenizer.eos_token_id)
        torch.manual_seed(config.seed)
        lora = LoraConfig(
            r=config.rank,
            lora_alpha=config.alpha,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        )
        # peft would keep the matrices in float32 and cast every activation to and fro: see the module's docstring.
        self._model = get_peft_model(lm.model, lora, autocast_adapter_dtype=False)
        # peft writes down the folder the weights came from, which is another one on every machine.
        self._model.peft_config["default"].base_model_name_or_path = lm.identity.name
        self._model.train()
        self._working = [weight for weight in self._model.parameters() if weight.requires_grad]
        self._master = [weight.detach().float().clone().requires_grad_() for weight in self._working]
        self._optimiser = torch.optim.AdamW(self._master, lr=config.learning_rate, weight_decay=0.0)
        self.steps = 0
        self.seconds = 0.0

    @property
    def fraction(self) -> float:
        """How much of the training is done, 0 to 1."""
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
        answer_tokens = sum(len(target) for _, target in tokens)
        total = 0.0
        for batch in _micro_batches(tokens, self._config.batch_tokens):
            loss = _answer_loss(self._model, batch, self._stop, self._device) / answer_tokens
            loss.backward()
            total += loss.item()
        self._update()
        self.steps += 1
        self.seconds += time.monotonic() - began
        return total

    def _update(self) -> None:
        """Moves the float32 copies by the gradient and rounds them into the model."""
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
        return Progress("Training the reader", done, total, f"step {self.steps}, loss {loss:.3f}", data)

    def save(self, output: Path) -> None:
        """Writes the adapter and the checkpoint, each whole or not at all."""
        output.mkdir(parents=True, exist_ok=True)
        _save_adapter(self._model, output)
        tensors = {f"{row}.weight": master.detach() for row, master in enumerate(self._master)}
        for row, moments in self._optimiser.state_dict()["state"].items():
            tensors |= {f"{row}.{name}": value for name, value in moments.items()}
        facts = {"config": _comparable(self._config), "steps": str(self.steps), "seconds": str(self.seconds)}
        fresh = output / f".{STATE_FILE}"
        save_file(tensors, fresh, metadata=facts)
        fresh.replace(output / STATE_FILE)

    def resume(self, output: Path) -> None:
        """Takes up the checkpoint of ``output``, where there is one."""
        path = output / STATE_FILE
        if not path.is_file():
            return
        with safe_open(path, framework="pt") as file:
            facts, tensors = file.metadata(), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        if facts["config"] != _comparable(self._config):
            raise ModelError(
                f"{output.name} holds a checkpoint of a training with other settings.",
                f"Train into another folder, or delete its {STATE_FILE}.",
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


def _comparable(config: ReaderConfig) -> str:
    """What must not change between a checkpoint and its resumption: all but how long it lasts."""
    return str({key: value for key, value in asdict(config).items() if key not in ("minutes", "steps", "save_minutes")})


def _save_adapter(model: PeftModel, output: Path) -> None:
    model.save_pretrained(str(output))
    card = output / "README.md"
    card.unlink(missing_ok=True)


def _schedule(fraction: float, warm_up: float) -> float:
    """Factor on the peak learning rate at a fraction of the training: linear up, cosine down to 0.05."""
    if fraction < warm_up:
        return max(0.02, fraction / warm_up)
    return 0.05 + 0.95 * (1 + math.cos(math.pi * (fraction - warm_up) / (1 - warm_up))) / 2


Tokens = tuple[list[int], list[int]]
"""Ids of a prompt and of its answer."""


def _micro_batches(tokens: Sequence[Tokens], most: int) -> Iterator[list[Tokens]]:
    """Groups examples of like length, so that a group's padded size stays within ``most`` tokens where possible."""
    group: list[Tokens] = []
    for pair in sorted(tokens, key=lambda pair: len(pair[0]) + len(pair[1])):
        longest = len(pair[0]) + len(pair[1])
        if group and longest * (len(group) + 1) > most:
            yield group
            group = []
        group.append(pair)
    yield group


def _answer_loss(model: PeftModel, batch: Sequence[Tokens], pad: int, device: torch.device) -> torch.Tensor:
    """Summed cross-entropy of the answers' tokens, in nats.

    Padding is on the right: causal attention never looks there, so no mask is needed.
    """
    width = max(len(prompt) + len(target) for prompt, target in batch) - 1
    ids = torch.full((len(batch), width), pad)
    labels = torch.full((len(batch), width), _IGNORED)
    for row, (prompt, target) in enumerate(batch):
        whole = prompt + target
        ids[row, : len(whole) - 1] = torch.tensor(whole[:-1])
        labels[row, len(prompt) - 1 : len(whole) - 1] = torch.tensor(target)
    ids, labels = ids.to(device), labels.to(device)
    decoder: Any = model.get_base_model()
    hidden = decoder.model(input_ids=ids, use_cache=False).last_hidden_state
    asked = labels != _IGNORED
    logits = decoder.lm_head(hidden[asked])
    return functional.cross_entropy(logits.float(), labels[asked], reduction="sum")
