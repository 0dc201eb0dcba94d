"""LoRA training of the reader adapter: interruptible, resumable, with a usable adapter on disk every few minutes.

Run it with ``python -m app train-reader --pool DIR --pool DIR --minutes 40``.

Weights and LoRA compute in the model's own format (bfloat16 where the processor multiplies it natively), the
optimiser keeps float32 copies of the LoRA matrices, and the loss is taken on the answer alone, so that the
vocabulary is never projected at the tens of prompt tokens that each answer token has.
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
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors import safe_open
from safetensors.torch import save_file

from core.errors import ModelError
from core.jobs import Progress, Work
from core.models.encoder import Encoder
from core.models.language_model import LanguageModel
from core.reader.batches import answer_loss, micro_batches
from core.reader.examples import ExampleStream, Recipe
from core.reader.pools import PoolSource, load_pool

STATE_FILE = "checkpoint.safetensors"
ADAPTER_FILE, CONFIG_FILE = "adapter_model.safetensors", "adapter_config.json"


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
        batch: Examples for each optimiser step, each with several questions.
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


def train_reader(
    lm: LanguageModel, encoder: Encoder, sources: Sequence[PoolSource], output: Path, config: ReaderConfig
) -> Work:
    """Trains LoRA matrices on a plain model and writes them as an adapter that ``LanguageModel.load`` takes.

    Training in a folder that holds a checkpoint of the same configuration goes on from there; a finished training
    removes its checkpoint. The model that was passed in is changed: load another one to answer with.

    Args:
        lm: The plain model.
        encoder: Finds distractors.
        sources: What to train on.
        output: Folder of the adapter and its checkpoint.
        config: How.

    Yields:
        Steps; those of the training with ``data={"step", "loss", "minutes"}``; loss in nats per answer token.

    Raises:
        CorpusError: A pool cannot be read, or no pool has a question to train on.
        ModelError: The checkpoint in ``output`` belongs to another configuration, or the training diverged.
    """
    pools = []
    for source in sources:
        pools.append((yield from load_pool(source, encoder, config.recipe.longest_answer)))
    examples = ExampleStream(pools, encoder, config.recipe, config.seed)
    trainer = _Trainer(lm, config, _description(sources, config))
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
    (output / STATE_FILE).unlink()


class _Trainer:
    def __init__(self, lm: LanguageModel, config: ReaderConfig, description: str) -> None:
        self._config, self._description = config, description
        self._prompt, self._device = lm.prompt, lm.device
        self._stop = int(lm.tokenizer.eos_token_id)
        torch.manual_seed(config.seed)
        lora = LoraConfig(r=config.rank, lora_alpha=config.alpha, target_modules="all-linear", task_type="CAUSAL_LM")
        # peft would keep the matrices in float32 and cast every activation to and fro: see the module's docstring.
        self._model = get_peft_model(lm.model, lora, autocast_adapter_dtype=False)
        # peft writes down the folder the weights came from, which is another one on every machine.
        self._model.peft_config["default"].base_model_name_or_path = lm.identity.name
        self._model.train()
        # Calling the decoder and the head apart needs the model below peft's wrapper; its layers are the adapted ones.
        self._decoder: Any = self._model.get_base_model()
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
        answer_tokens = sum(example.answer_tokens for example in tokens)
        total = 0.0
        for batch in micro_batches(tokens, self._config.batch_tokens):
            loss = answer_loss(self._decoder, batch, self._stop, self._device) / answer_tokens
            loss.backward()
            total += loss.item()
        if not math.isfinite(total):
            raise ModelError(f"The training diverged after {self.steps} steps.", "Use a smaller learning rate.")
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
        _write_adapter(self._model, output)
        tensors = {f"{row}.weight": master.detach() for row, master in enumerate(self._master)}
        for row, moments in self._optimiser.state_dict()["state"].items():
            tensors |= {f"{row}.{name}": value for name, value in moments.items()}
        facts = {"training": self._description, "steps": str(self.steps), "seconds": str(self.seconds)}
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
        if facts["training"] != self._description:
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


def _description(sources: Sequence[PoolSource], config: ReaderConfig) -> str:
    """What must not change between a checkpoint and its resumption: all but how long it lasts."""
    lasting = {"minutes", "steps", "save_minutes"}
    settings = {key: value for key, value in asdict(config).items() if key not in lasting}
    return f"{[(source.folder.name, source.share, source.closed_book) for source in sources]} {settings}"


def _write_adapter(model: Any, output: Path) -> None:
    """Writes the LoRA matrices in bfloat16, whatever they were trained in, with peft's description of them."""
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
    """Factor on the peak learning rate at a fraction of the training: linear up, cosine down to 0.05."""
    if fraction < warm_up:
        return max(0.02, fraction / warm_up)
    return 0.05 + 0.95 * (1 + math.cos(math.pi * (fraction - warm_up) / (1 - warm_up))) / 2
