"""Training of a memory: first Z, projector and LoRA learn to say evidence, then the router learns to find documents.

    for progress in train_memory(lm, corpus, folder, MemoryConfig()):
        ...

A checkpoint in the folder holds the whole state of the first stage. A run that is closed or killed continues from it
with ``resume=True`` and draws the same examples, so that its loss curve is that of an uninterrupted run.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch

from core.corpus.store import fingerprint as passages_fingerprint
from core.corpus.types import Corpus
from core.errors import TesseraError
from core.jobs import Progress, Work
from core.memory import lora, store
from core.memory.calibration import calibrate_null, enough
from core.memory.config import MemoryConfig
from core.memory.kept import as_kept
from core.memory.learner import CHECKPOINT, EvidenceLearner
from core.memory.model import Memory
from core.memory.pool import MemoryPool
from core.memory.router import QuestionReader, Router
from core.memory.routing import train_router
from core.memory.theta import Theta
from core.models.language_model import LanguageModel
from core.said import said

EVIDENCE_STAGE = "Learning evidence"
_SMOOTH = 0.9
_FILES = (store.CARD, store.POOL, store.PARTS, store.LORA)


def train_memory(
    lm: LanguageModel,
    corpus: Corpus,
    output: Path,
    config: MemoryConfig,
    resume: bool = False,
    general: Corpus | None = None,
    theta: Theta | None = None,
) -> Work:
    """Trains a memory and writes it to a folder.

    Args:
        lm: The plain model, without adapter; it is copied, not changed.
        corpus: The documents to remember. Its train questions are learned from, its dev questions are looked at.
        output: Where the memory and, until it is done, the checkpoint go.
        config: Settings.
        resume: Go on from the checkpoint in ``output``.
        general: A pool of other documents with train questions, to learn reading on; needed for a ``general`` share.
        theta: What LoRA, projector and router start from; None starts from nothing. Z always starts from the documents.

    Yields:
        Progress whose data hold ``step``, the losses of that step by kind of example (``read_loss``, ``recite_loss``,
        ``wrong_loss``, ``general_loss``, in nats a token), now and then the held-out figures of
        ``EvidenceLearner.held_out``, and later those of ``core.memory.routing.train_router``.

    Raises:
        TesseraError: The corpus has no passage, or a setting does not fit it.
        ArtefactMissing: ``resume`` without a checkpoint.
        ArtefactStale: ``resume`` with a checkpoint of another run.
    """
    if not corpus.passages:
        raise TesseraError("There is nothing to remember: the corpus has no passage.", "Prepare a corpus first.")
    if theta is None and not (config.steps and config.router_steps):
        raise TesseraError(
            "Without a step, a memory that starts from nothing cannot be read.",
            "Give steps and router_steps above 0, or a memory to start from.",
        )
    yield Progress("Giving every document its first z", 0, 1)
    learner = EvidenceLearner(lm, corpus, general, config, theta)
    run = run_fingerprint(lm, corpus, config, general, theta)
    start = learner.restore(output, run) if resume else 0
    yield Progress("Giving every document its first z", 1, 1, said("{n:,} documents", n=len(corpus.passages)))
    figures: dict[str, Any] = {}
    for progress in _learn_evidence(learner, start, output, run):
        figures |= progress.data
        yield progress
    adapters = lora.state(learner.layers)
    fresh = Router.from_basis(learner.basis, config.router_dim, learner.idf)
    router = theta.router(learner.idf) if theta else fresh
    reader = QuestionReader(learner.model, config.router_layer, learner.frame.head[0])
    for progress in train_router(router, reader, learner.frame, as_kept(learner.z, config.kept), corpus, config):
        figures |= progress.data
        yield progress
    figures["train_s"] = round(learner.seconds(), 1)
    card = store.Card(
        base=store.base_fingerprint(lm.identity, learner.frame.fingerprint),
        model=lm.identity.name,
        corpus=passages_fingerprint(corpus.passages),
        corpus_name=corpus.name,
        config=config,
        training={key: round(value, 4) for key, value in figures.items() if isinstance(value, (int, float))},
        origin=theta.card.corpus_name if theta else "",
    )
    parts = {f"projector.{name}": tensor for name, tensor in learner.projector.state_dict().items()}
    parts |= {f"router.{name}": tensor for name, tensor in router.state_dict().items()}
    store.save_parts(output, _cpu(parts))
    store.save_lora(output, _cpu(adapters))
    ids = tuple(passage.id for passage in corpus.passages)
    store.save_pool(output, MemoryPool(ids, tuple(passage.title for passage in corpus.passages), learner.z), card)
    _calibrate_null(output, lm, corpus)
    (output / CHECKPOINT).unlink(missing_ok=True)
    yield Progress("Writing the memory", 1, 1, f"{sum((output / f).stat().st_size for f in _FILES) / 1e6:.1f} MB")


def run_fingerprint(
    lm: LanguageModel, corpus: Corpus, config: MemoryConfig, general: Corpus | None, theta: Theta | None = None
) -> str:
    """Digest of all that a training run depends on."""
    fields = [
        lm.identity.fingerprint,
        passages_fingerprint(corpus.passages),
        [question.id for question in corpus.questions.get("train", ())],
        config.to_json(),
        passages_fingerprint(general.passages) if general and config.general else "",
        theta.digest if theta else "",
    ]
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]


def _learn_evidence(learner: EvidenceLearner, start: int, output: Path, run: str) -> Work:
    """The first stage; leaves a checkpoint behind at its end, at intervals, and when it is closed."""
    config = learner.config
    if not config.steps:
        yield Progress(EVIDENCE_STAGE, 0, 0, "none asked for", {"step": 0} | learner.held_out())
        return
    smooth: dict[str, float] = defaultdict(float)
    saved = start
    done = start
    try:
        for number in range(start, config.steps):
            losses = learner.step(number)
            done = number + 1
            data: dict[str, Any] = {"step": done} | {f"{kind}_loss": loss for kind, loss in losses.items()}
            if done % config.eval_every == 0 or done == config.steps:
                data |= learner.held_out()
            if done % config.checkpoint_every == 0:
                learner.save_checkpoint(output, done, run)
                saved = done
            for kind, loss in losses.items():
                smooth[kind] = _SMOOTH * smooth[kind] + (1 - _SMOOTH) * loss if kind in smooth else loss
            yield Progress(EVIDENCE_STAGE, done, config.steps, said("loss {loss:.3f}", loss=smooth["read"]), data)
    finally:
        # Closing the generator (cancel) ends up here as well: nothing that was learned is lost.
        if done > saved:
            learner.save_checkpoint(output, done, run)


def _calibrate_null(output: Path, lm: LanguageModel, corpus: Corpus) -> None:
    """Sets the null slot where the corpus has held-out questions enough; otherwise it stays as it was trained."""
    memory, questions = Memory.load(output, lm), corpus.questions.get("dev", ())
    if enough(memory, questions):
        calibrate_null(memory, questions)
        memory.save(output)
        memory.save_router(output)


def _cpu(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.cpu() for name, tensor in tensors.items()}
