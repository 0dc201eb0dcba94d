"""The evidence stage: trains Z, projector and LoRA together on -log P(evidence | question, z)."""

from __future__ import annotations

import copy
import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import torch

from core.corpus.types import Corpus, Passage, texts
from core.errors import ArtefactStale
from core.jobs import WorkClock
from core.memory import lora
from core.memory.checkpoint import read_checkpoint, write_checkpoint
from core.memory.config import MemoryConfig
from core.memory.examples import Example, Examples, given_questions
from core.memory.first_z import corpus_idf
from core.memory.projector import Lexicon, Projector
from core.memory.prompt import NOT_IN_MEMORY, ZPrompt
from core.memory.shared_weights import SharedWeights
from core.memory.soft_prompt import evidence_losses, greedy
from core.memory.z_codec import ZCodec
from core.metrics import rouge_l
from core.models.device import trim
from core.models.language_model import LanguageModel

_FIGURE = "figure."
_NEIGHBOURS = 5
_BETAS, _EPS = (0.9, 0.99), 1e-8
"""Of both Adams: decay of the two moments, and what is added to the root of the second."""
_AT_ONCE = 4
"""Documents that go through the model together in a step."""


class EvidenceTrainer:
    """The trainable state of the evidence stage, and its optimiser step.

    Args:
        lm: The plain model; it is copied, not changed.
        corpus: The documents to remember.
        general: A pool to learn reading on, or None.
        start: What LoRA and projector start from, and Z where it is of the same documents; None starts from nothing.
        z: The first z of the documents, where it has been computed; None computes it here.

    Attributes:
        z: [N, m, z_dim], trained in place.
        idf: [vocabulary], over the documents to remember.
        figures: The latest of each figure of the steps so far.

    Raises:
        ArtefactStale: ``start`` belongs to another model.
        TesseraError: ``start`` has other shapes, or a document is empty.
    """

    def __init__(
        self,
        lm: LanguageModel,
        corpus: Corpus,
        general: Corpus | None,
        config: MemoryConfig,
        start: SharedWeights | None = None,
        z: torch.Tensor | None = None,
    ) -> None:
        self.config, self._lm, self._cross = config, lm, config.crosses
        self.clock = WorkClock()
        self.figures: dict[str, float] = {}
        self.prompt = ZPrompt(lm.tokenizer, min(lm.stop_ids))
        if start:
            start.require(lm, self.prompt, config)
        self.model = copy.deepcopy(lm.model)
        table = self.model.get_input_embeddings().weight
        pool = general.passages if general and config.general else ()
        self.codec = ZCodec(table, config)
        # Two idf: what is common in one pool tells documents apart in another.
        self.idf = self._idf_of(corpus.passages)
        self._general_idf = self._idf_of(pool) if pool else self.idf
        self.z = torch.stack([self._first_z(text) for text in texts(corpus.passages)]) if z is None else z
        if start and start.holds(corpus, config):
            self.z = start.pool.z.clone()
        elif config.init == "noise":
            self.z = torch.randn(self.z.shape, generator=torch.Generator().manual_seed(config.seed))
        self.projector = Projector.from_basis(self.codec.basis).to(self.model.device)
        self.adapters = lora.attach(self.model, config.lora_r, config.seed)
        if start:
            start.into(self.projector, self.adapters)
        near = neighbours(self.codec.read(self.z)) if config.steps else ()
        self.examples = Examples(corpus, general, self.prompt, config, near)
        self._held_out = given_questions(corpus, "dev")[: config.eval_questions]
        self._row_adam = RowAdam(self.z)
        self._adam = torch.optim.AdamW(
            [
                {"params": list(self.projector.parameters()), "rate": config.lr_projector},
                {"params": list(self.adapters.values()), "rate": config.lr_lora},
            ],
            betas=_BETAS,
            weight_decay=0.0,
        )

    def step(self, number: int) -> dict[str, float]:
        """One optimiser step; returns the mean loss of each kind of example in it, in nats per token."""
        batch = self.examples.batch(number)
        groups = [[example] for example in batch]
        if not self._cross:
            groups = [list(group) for _, group in groupby(batch, key=lambda e: (e.row, e.document))]
        trained = sorted({example.row for example in batch if example.row >= 0})
        rows = torch.tensor(trained, dtype=torch.long)
        leaf = self.z[rows].requires_grad_()
        tokens = sum(len(example.target) for example in batch)
        losses: list[torch.Tensor] = []
        self._adam.zero_grad(set_to_none=True)
        # Sequences of like length together, and few at once: activations take most of the memory, padding is wasted.
        groups.sort(key=lambda group: sum(len(e.tail) + len(e.target) for e in group))
        for at in range(0, len(groups), _AT_ONCE):
            part = groups[at : at + _AT_ONCE]
            shown = [
                leaf[trained.index(first.row)] if first.row >= 0 else self._first_z(first.document, first.general)
                for first, *_ in part
            ]
            soft = self.projector(self.codec.read(torch.stack(shown)).to(self.model.device))
            with lora.gradient_pass(self.model):
                questions = [[(e.tail, e.target) for e in group] for group in part]
                part_losses = evidence_losses(self.model, self.prompt.head, soft, questions, self._cross)
                (torch.cat(part_losses).sum() / tokens).backward()
            losses += [loss.detach() for loss in part_losses]
        factor = schedule(number, self.config.steps, self.config.warmup)
        for group in self._adam.param_groups:
            group["lr"] = group["rate"] * factor
        torch.nn.utils.clip_grad_norm_([p for g in self._adam.param_groups for p in g["params"]], 1.0)
        self._adam.step()
        if leaf.grad is not None:
            self._row_adam.update(rows, leaf.grad, self.config.lr_z * factor)
        trim()
        return _by_kind([example for group in groups for example in group], losses)

    def _idf_of(self, passages: Sequence[Passage]) -> torch.Tensor:
        return corpus_idf(self._lm, self.prompt, passages)

    def _first_z(self, text: str, general: bool = False) -> torch.Tensor:
        idf = self._general_idf if general else self.idf
        return self.codec.first(self.codec.words(self.prompt, text, idf))

    @torch.no_grad()
    def held_out(self) -> dict[str, float]:
        """Dev questions with the right z and with a wrong one: loss, and ROUGE-L of greedy evidence."""
        if not self._held_out:
            return {}
        rows = [reading.row for reading in self._held_out]
        wrong = [(row + 1 + i % max(1, len(self.z) - 1)) % len(self.z) for i, row in enumerate(rows)]
        limit = self.config.evidence_tokens
        questions = [
            [(self.prompt.tail(reading.question), self.prompt.target(reading.evidence, limit))]
            for reading in self._held_out
        ]
        soft = self.projector(self.codec.read(self.z[rows]).to(self.model.device))
        losses = evidence_losses(self.model, self.prompt.head, soft, questions, self._cross)
        scores = {"held_out_loss": float(torch.cat(losses).mean())}
        tails = [tail for ((tail, _),) in questions]
        golds = [[reading.evidence] for reading in self._held_out]
        for name, shown in (("held_out", rows), ("shuffled", wrong)):
            evidence = self._generate(shown, tails)
            scores[f"{name}_rouge_l"] = sum(map(rouge_l, evidence, golds)) / len(rows)
            scores[f"{name}_refused"] = sum(text == NOT_IN_MEMORY for text in evidence) / len(rows)
        return scores

    def _generate(self, rows: Sequence[int], tails: Sequence[Sequence[int]]) -> list[str]:
        """What is said to each tail from the z of a row, as a memory with these weights would."""
        soft = self.projector(self.codec.read(self.z[list(rows)]).to(self.model.device))
        generated = greedy(
            self.model,
            self.prompt.head,
            soft,
            tails,
            self.config.evidence_tokens,
            self._lm.stop_ids,
            bias=self._bias(soft),
            cross=self._cross,
        )
        return [self.prompt.decode(ids) for ids in generated]

    def _bias(self, soft: torch.Tensor) -> torch.Tensor | None:
        """The logit bias of the lexicon for these soft tokens [batch, m, hidden]."""
        if not self.config.lexicon:
            return None
        always = [*self.prompt.encode(NOT_IN_MEMORY), *self._lm.stop_ids]
        lexicon = Lexicon(self.model.get_input_embeddings().weight, self.idf, always)
        return torch.stack([lexicon.bias(lexicon.ids(each), self.config.lexicon) for each in soft])

    def save_checkpoint(self, folder: Path, done: int, fingerprint: str) -> None:
        """Writes all state after ``done`` steps, so that a resumed run continues to the same bits."""
        tensors = {f"row.{name}": tensor for name, tensor in self._row_adam.state.items()}
        tensors["z"] = self.z
        tensors["done"] = torch.tensor(done)
        tensors |= {_FIGURE + name: torch.tensor(v, dtype=torch.float64) for name, v in self.figures.items()}
        tensors["seconds"] = torch.tensor(self.seconds(), dtype=torch.float64)
        for name, parameter in self._parameters().items():
            tensors[f"value.{name}"] = parameter.detach()
            for key, value in self._adam.state.get(parameter, {}).items():
                tensors[f"adam.{key}.{name}"] = value
        write_checkpoint(folder, fingerprint, tensors)

    def restore(self, folder: Path, fingerprint: str) -> int:
        """Goes back to the checkpoint of a folder; returns the steps done.

        Raises:
            ArtefactMissing: There is none.
            ArtefactStale: It is damaged, or belongs to another corpus, model or setting.
        """
        run, tensors = read_checkpoint(folder)
        if run != fingerprint:
            raise ArtefactStale(
                "The unfinished training used another corpus, model or settings.", "Start without resuming."
            )
        self.z.copy_(tensors["z"])
        for name, moments in self._row_adam.state.items():
            moments.copy_(tensors[f"row.{name}"])
        with torch.no_grad():
            for name, parameter in self._parameters().items():
                parameter.copy_(tensors[f"value.{name}"])
                keys = [key for key in ("step", "exp_avg", "exp_avg_sq") if f"adam.{key}.{name}" in tensors]
                if keys:
                    self._adam.state[parameter] = {key: tensors[f"adam.{key}.{name}"] for key in keys}
        # A checkpoint of an earlier version lacks its seconds: it is still worth going on from.
        self.clock = WorkClock(float(tensors.get("seconds", torch.zeros(()))))
        named = {name.removeprefix(_FIGURE): t for name, t in tensors.items() if name.startswith(_FIGURE)}
        done = int(tensors["done"])
        self.figures = {**{name: float(value) for name, value in named.items()}, "step": done}
        return done

    def seconds(self) -> float:
        """What the training has taken so far, earlier sittings up to their checkpoint included."""
        return self.clock.seconds

    def _parameters(self) -> dict[str, torch.nn.Parameter]:
        named = {f"projector.{name}": parameter for name, parameter in self.projector.named_parameters()}
        return named | {f"lora.{name}": parameter for name, parameter in self.adapters.items()}


class RowAdam:
    """Adam (Kingma & Ba 2015) for a table of which each step touches few rows; the other rows keep their bits.

    Moments and bias correction are counted per row.

    Args:
        table: [N, ...], updated in place.
    """

    def __init__(self, table: torch.Tensor) -> None:
        self.table = table
        self.state = {"first": torch.zeros_like(table), "second": torch.zeros_like(table)}
        self.state["count"] = torch.zeros(len(table))

    @torch.no_grad()
    def update(self, rows: torch.Tensor, gradient: torch.Tensor, rate: float) -> None:
        """One step for distinct ``rows`` [k] with their gradients [k, ...]."""
        beta1, beta2 = _BETAS
        self.state["count"][rows] += 1
        count = self.state["count"][rows].view(-1, *[1] * (self.table.dim() - 1))
        first = self.state["first"][rows] * beta1 + gradient * (1 - beta1)
        second = self.state["second"][rows] * beta2 + gradient.square() * (1 - beta2)
        self.state["first"][rows], self.state["second"][rows] = first, second
        step = (first / (1 - beta1**count)) / ((second / (1 - beta2**count)).sqrt() + _EPS)
        self.table[rows] -= rate * step


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
    return {kind: float(torch.cat(parts).mean()) for kind, parts in kinds.items()}
