"""The evidence stage: Z, projector and LoRA learn together from -log P(evidence | question, z)."""

from __future__ import annotations

import copy
import math
import time
from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import torch
from safetensors.torch import load_file, save

from core.corpus.types import Corpus, Passage, texts
from core.errors import ArtefactMissing, ArtefactStale
from core.evaluation.metrics import rouge_l
from core.memory import lora
from core.memory.config import MemoryConfig
from core.memory.examples import Example, Examples, given_questions
from core.memory.frame import NOT_IN_MEMORY, Frame
from core.memory.lexicon import Lexicon
from core.memory.pool import embedding_basis, first_z, token_idf
from core.memory.projector import Projector
from core.memory.reading import greedy, shared_losses, short_attention, target_losses
from core.memory.row_adam import RowAdam
from core.memory.theta import Theta
from core.models.device import give_back
from core.models.language_model import LanguageModel
from core.workspace import write_atomically

CHECKPOINT = "checkpoint.safetensors"
_NEIGHBOURS = 5
_AT_ONCE = 4
"""Documents that go through the model together in a step."""


class EvidenceLearner:
    """Everything that changes during the evidence stage, and one step of it.

    Args:
        lm: The plain model; it is copied, not changed.
        corpus: The documents to remember.
        general: A pool to learn reading on, or None.
        config: Settings.
        theta: What LoRA and projector start from; None starts from nothing.

    Attributes:
        z: [N, m, z_dim], trained in place.
        idf: [vocabulary], over the documents to remember.

    Raises:
        ArtefactStale: ``theta`` belongs to another model.
        TesseraError: ``theta`` has other shapes, or a document is empty.
    """

    def __init__(
        self,
        lm: LanguageModel,
        corpus: Corpus,
        general: Corpus | None,
        config: MemoryConfig,
        theta: Theta | None = None,
    ) -> None:
        self.config, self._lm, self._cross = config, lm, config.crosses
        self._began, self._earlier_s = time.monotonic(), 0.0
        self.frame = Frame(lm.tokenizer, min(lm.stop_ids))
        if theta:
            theta.require(lm, self.frame, config)
        self.model = copy.deepcopy(lm.model)
        table = self.model.get_input_embeddings().weight
        pool = general.passages if general and config.general else ()
        self.basis = embedding_basis(table, config.z_dim)
        # Two idf: what is common in one pool tells documents apart in another.
        self.idf = self._idf_of(corpus.passages)
        self._general_idf = self._idf_of(pool) if pool else self.idf
        self.z = torch.stack([self._first_z(text) for text in texts(corpus.passages)])
        if config.init == "noise":
            self.z = torch.randn(self.z.shape, generator=torch.Generator().manual_seed(config.seed))
        self.projector = Projector.from_basis(self.basis).to(self.model.device)
        self.layers = lora.attach(self.model, config.lora_r, config.seed)
        for layer in self.layers.values():
            layer.to(self.model.device)
        if theta:
            theta.into(self.projector, self.layers)
        self.examples = Examples(corpus, general, self.frame, config, neighbours(self.z))
        self._held_out = given_questions(corpus, "dev")[: config.eval_questions]
        self._row_adam = RowAdam(self.z)
        self._adam = torch.optim.AdamW(
            [
                {"params": list(self.projector.parameters()), "rate": config.lr_projector},
                {"params": [p for layer in self.layers.values() for p in (layer.a, layer.b)], "rate": config.lr_lora},
            ],
            betas=(0.9, 0.99),
            weight_decay=0.0,
        )

    def step(self, number: int) -> dict[str, float]:
        """One optimiser step; returns the mean loss of each kind of example in it, in nats per token."""
        batch = self.examples.batch(number)
        shared = [list(group) for _, group in groupby(batch, key=lambda e: (e.row, e.document))]
        own = sorted({example.row for example in batch if example.row >= 0})
        rows = torch.tensor(own, dtype=torch.long)
        leaf = self.z[rows].requires_grad_()
        place = {row: i for i, row in enumerate(own)}
        tokens = sum(len(example.target) for example in batch)
        losses: list[torch.Tensor] = []
        self._adam.zero_grad(set_to_none=True)
        # Sequences of like length together, and few at once: activations take most of the memory, padding is wasted.
        shared.sort(key=lambda group: sum(len(e.tail) + len(e.target) for e in group))
        for at in range(0, len(shared), _AT_ONCE):
            part = shared[at : at + _AT_ONCE]
            documents = [group[0] for group in part]
            shown = [leaf[place[e.row]] if e.row >= 0 else self._first_z(e.document, e.general) for e in documents]
            soft = self.projector(torch.stack(shown).to(self.model.device))
            with short_attention(self.model):
                asked = [[(e.tail, e.target) for e in group] for group in part]
                found = shared_losses(self.model, self.frame.head, soft, asked, self._cross)
                (torch.cat(found).sum() / tokens).backward()
            losses += [loss.detach() for loss in found]
        factor = schedule(number, self.config.steps, self.config.warmup)
        for group in self._adam.param_groups:
            group["lr"] = group["rate"] * factor
        torch.nn.utils.clip_grad_norm_([p for g in self._adam.param_groups for p in g["params"]], 1.0)
        self._adam.step()
        if own and leaf.grad is not None:
            self._row_adam.update(rows, leaf.grad, self.config.lr_z * factor)
        give_back()
        return _by_kind([example for group in shared for example in group], losses)

    def _idf_of(self, passages: Sequence[Passage]) -> torch.Tensor:
        documents = [self.frame.encode(text) for text in texts(passages)]
        return token_idf(documents, len(self.model.get_input_embeddings().weight))

    def _first_z(self, text: str, general: bool = False) -> torch.Tensor:
        table = self.model.get_input_embeddings().weight
        idf = self._general_idf if general else self.idf
        return first_z(self.frame.content(text, idf), table, self.basis, self.config.m)

    @torch.no_grad()
    def held_out(self) -> dict[str, float]:
        """Dev questions with the right z and with a wrong one: loss, and ROUGE-L of greedy evidence."""
        if not self._held_out:
            return {}
        rows = [row for row, _, _ in self._held_out]
        wrong = [(row + 1 + i % max(1, len(self.z) - 1)) % len(self.z) for i, row in enumerate(rows)]
        tails = [self.frame.tail(question) for _, question, _ in self._held_out]
        limit = self.config.evidence_tokens
        targets = [self.frame.target(sentence, limit) for _, _, sentence in self._held_out]
        soft = self.projector(self.z[rows].to(self.model.device))
        losses = target_losses(self.model, self.frame.head, soft, tails, targets, self._cross)
        scores = {"held_out_loss": float(torch.cat(losses).mean())}
        for name, shown in (("held_out_rouge_l", rows), ("shuffled_rouge_l", wrong)):
            soft = self.projector(self.z[shown].to(self.model.device))
            bias = self._bias(soft)
            said = greedy(
                self.model, self.frame.head, soft, tails, limit, self._lm.stop_ids, bias=bias, cross=self._cross
            )
            texts_said = [self.frame.decode(ids) for ids in said]
            pairs = zip(texts_said, self._held_out, strict=True)
            scores[name] = sum(rouge_l(text, [gold]) for text, (_, _, gold) in pairs) / len(rows)
            scores[name.replace("rouge_l", "refused")] = sum(t == NOT_IN_MEMORY for t in texts_said) / len(rows)
        return scores

    def _bias(self, soft: torch.Tensor) -> torch.Tensor | None:
        """What a memory will add to the logits when it reads these soft tokens [batch, m, hidden]."""
        if not self.config.lexicon:
            return None
        always = [*self.frame.encode(NOT_IN_MEMORY), *self._lm.stop_ids]
        lexicon = Lexicon(self.model.get_input_embeddings().weight, self.idf, always)
        return torch.stack([lexicon.bias(lexicon.ids(one), self.config.lexicon) for one in soft])

    def save_checkpoint(self, folder: Path, done: int, fingerprint: str) -> None:
        """Writes all state after ``done`` steps, so that a resumed run continues to the same bits."""
        tensors = {f"row.{name}": tensor for name, tensor in self._row_adam.state().items()}
        tensors["z"] = self.z
        tensors["done"] = torch.tensor(done)
        tensors["seconds"] = torch.tensor(self.seconds(), dtype=torch.float64)
        for name, parameter in self._parameters().items():
            tensors[f"value.{name}"] = parameter.detach()
            for key, value in self._adam.state.get(parameter, {}).items():
                tensors[f"adam.{key}.{name}"] = value
        folder.mkdir(parents=True, exist_ok=True)
        packed = {name: tensor.clone().contiguous() for name, tensor in tensors.items()}
        write_atomically(folder / CHECKPOINT, save(packed, {"run": fingerprint}))

    def restore(self, folder: Path, fingerprint: str) -> int:
        """Goes back to the checkpoint of a folder; returns the steps done.

        Raises:
            ArtefactMissing: There is none.
            ArtefactStale: It belongs to another corpus, model or setting.
        """
        path = folder / CHECKPOINT
        if not path.is_file():
            raise ArtefactMissing(f"There is no unfinished training in {folder}.", "Start without resuming.")
        if checkpoint_run(path) != fingerprint:
            raise ArtefactStale(
                "The unfinished training used another corpus, model or settings.", "Start without resuming."
            )
        tensors = load_file(path)
        self.z.copy_(tensors["z"])
        self._row_adam.restore({key: tensors[f"row.{key}"] for key in self._row_adam.state()})
        with torch.no_grad():
            for name, parameter in self._parameters().items():
                parameter.copy_(tensors[f"value.{name}"])
                keys = [key for key in ("step", "exp_avg", "exp_avg_sq") if f"adam.{key}.{name}" in tensors]
                if keys:
                    self._adam.state[parameter] = {key: tensors[f"adam.{key}.{name}"] for key in keys}
        self._began, self._earlier_s = time.monotonic(), float(tensors["seconds"])
        return int(tensors["done"])

    def seconds(self) -> float:
        """What the training has taken so far, earlier sittings up to their checkpoint included."""
        return self._earlier_s + time.monotonic() - self._began

    def _parameters(self) -> dict[str, torch.nn.Parameter]:
        named = {f"projector.{name}": parameter for name, parameter in self.projector.named_parameters()}
        for path, layer in self.layers.items():
            named[f"lora.{path}.a"], named[f"lora.{path}.b"] = layer.a, layer.b
        return named


def checkpoint_run(path: Path) -> str:
    """Which run a checkpoint belongs to."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return str((file.metadata() or {}).get("run", ""))


def neighbours(z: torch.Tensor) -> list[list[int]]:
    """Rows of the most similar documents of each, by the cosine of their mean z."""
    mean = torch.nn.functional.normalize(z.mean(1), dim=-1)
    similar = mean @ mean.T
    similar.fill_diagonal_(-1)
    return similar.topk(min(_NEIGHBOURS, max(0, len(z) - 1))).indices.tolist()


def schedule(step: int, steps: int, warmup: float) -> float:
    """Factor on the learning rates: a linear rise, then half a cosine down to a fiftieth."""
    rise = max(1, round(steps * warmup))
    if step < rise:
        return (step + 1) / rise
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


def _by_kind(batch: list[Example], losses: list[torch.Tensor]) -> dict[str, float]:
    kinds: dict[str, list[torch.Tensor]] = defaultdict(list)
    for example, loss in zip(batch, losses, strict=True):
        kinds[example.kind].append(loss)
    return {kind: float(torch.cat(found).mean()) for kind, found in kinds.items()}
