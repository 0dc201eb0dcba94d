"""Training of a memory: first Z, projector and LoRA on evidence, then the router on finding documents.

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
from core.manifest import MANIFEST, Manifest, damage, readable, write_manifest
from core.memory import store
from core.memory.calibration import calibrate_null, enough
from core.memory.checkpoint import CHECKPOINT, EARLIER
from core.memory.config import MemoryConfig
from core.memory.evidence_trainer import EvidenceTrainer
from core.memory.model import Memory
from core.memory.pool import MemoryPool, as_stored
from core.memory.router import QuestionReader, Router
from core.memory.shared_weights import SharedWeights
from core.memory.train_router import train_router
from core.memory.z_codec import ZReading
from core.messages import message
from core.models.language_model import LanguageModel

KIND = "memory"
_RUN = "run"
EVIDENCE_STAGE = "Learning evidence"
_SMOOTH = 0.9


def train_memory(
    lm: LanguageModel,
    corpus: Corpus,
    output: Path,
    config: MemoryConfig,
    resume: bool = False,
    general: Corpus | None = None,
    start: SharedWeights | None = None,
    first: torch.Tensor | None = None,
) -> Work:
    """Trains a memory and writes it to a folder.

    Args:
        lm: The plain model, without adapter; it is copied, not changed.
        corpus: The documents to remember. Its train questions are learned from, its dev questions are looked at.
        output: Where checkpoint, memory and, once that is complete, its manifest go.
        resume: Go on from what is in ``output``: the checkpoint, or a memory that is complete.
        general: A pool of other documents with train questions, to learn reading on; needed for a ``general`` share.
        start: What LoRA, projector and router start from, and over the same documents Z; None starts from nothing.
        first: The first z of the documents [N, m, z_dim], where workers have computed it; None computes it here.

    Yields:
        Progress whose data hold ``step``, the losses of that step by kind of example (``read_loss``, ``recite_loss``,
        ``wrong_loss``, ``general_loss``, in nats a token), now and then the held-out figures of
        ``EvidenceTrainer.held_out``, and later those of ``core.memory.train_router.train_router``.

    Raises:
        TesseraError: The corpus has no passage, or a setting does not fit it.
        ArtefactMissing: ``resume`` without a checkpoint.
        ArtefactStale: ``resume`` with a checkpoint of another run.
    """
    if not corpus.passages:
        raise TesseraError("There is nothing to remember: the corpus has no passage.", "Prepare a corpus first.")
    if start is None and not (config.steps and config.router_steps):
        raise TesseraError(
            "Without a step, a memory that starts from nothing cannot be read.",
            "Give steps and router_steps above 0, or a memory to start from.",
        )
    run = run_fingerprint(lm, corpus, config, general, start)
    if resume and is_complete(output, run):
        yield Progress("Writing the memory", 1, 1, "it is trained already")
        return
    yield Progress("Giving every document its first z", 0, 1)
    learner = EvidenceTrainer(lm, corpus, general, config, start, first)
    (output / MANIFEST).unlink(missing_ok=True)
    done = learner.restore(output, run) if resume else 0
    yield Progress("Giving every document its first z", 1, 1, message("{n:,} documents", n=len(corpus.passages)))
    yield from learner.clock.over(_learn_evidence(learner, done, output, run))
    figures: dict[str, Any] = dict(learner.figures)
    fresh = Router.from_basis(learner.codec.basis, config.router_dim, learner.idf)
    router = start.router(learner.idf) if start else fresh
    reader = QuestionReader(learner.model, config.router_layer, learner.prompt.head[0])
    reading = learner.codec.read_documents(as_stored(learner.z, config.z_format))
    for progress in learner.clock.over(train_router(router, reader, learner.prompt, reading, corpus, config)):
        figures |= progress.data
        yield progress
    figures["train_s"] = round(learner.seconds(), 1)
    if start and start.learned_from(corpus):
        figures["earlier_s"] = start.card.training["train_s"] + start.card.training.get("earlier_s", 0.0)
    card = store.Card(
        base=store.base_fingerprint(lm.identity, learner.prompt.fingerprint),
        model=lm.identity.name,
        corpus=passages_fingerprint(corpus.passages),
        corpus_name=corpus.name,
        config=config,
        training={key: round(value, 4) for key, value in figures.items() if isinstance(value, (int, float))},
        origin=start.card.corpus_name if start else "",
    )
    store.save_parts(output, learner.projector, router)
    store.save_lora(output, learner.adapters)
    ids = tuple(passage.id for passage in corpus.passages)
    store.save_pool(output, MemoryPool(ids, tuple(passage.title for passage in corpus.passages), learner.z), card)
    _calibrate_null(output, lm, corpus, reading)
    write_manifest(output, Manifest(KIND, {_RUN: run}, {}), "checkpoint*")
    yield Progress("Writing the memory", 1, 1, f"{sum((output / f).stat().st_size for f in store.FILES) / 1e6:.1f} MB")


def is_begun(output: Path) -> bool:
    """Whether a folder holds a training that is unfinished, or finished and not installed."""
    return any((output / name).is_file() for name in (CHECKPOINT, EARLIER, MANIFEST))


def is_complete(output: Path, run: str) -> bool:
    """Whether a folder contains a complete trained memory."""
    manifest = readable(output)
    return bool(manifest and manifest.inputs.get(_RUN) == run and not damage(output, manifest))


def run_fingerprint(
    lm: LanguageModel, corpus: Corpus, config: MemoryConfig, general: Corpus | None, start: SharedWeights | None = None
) -> str:
    """Digest of all that a training run depends on."""
    fields = [
        lm.identity.fingerprint,
        passages_fingerprint(corpus.passages),
        [question.id for question in corpus.questions.get("train", ())],
        config.to_json(),
        passages_fingerprint(general.passages) if general and config.general else "",
        start.digest if start else "",
    ]
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]


def _learn_evidence(learner: EvidenceTrainer, start: int, output: Path, run: str) -> Work:
    """The first stage; leaves a checkpoint behind at its end, at intervals, and when it is closed."""
    config = learner.config
    if not config.steps:
        learner.figures = {"step": 0} | learner.held_out()
        yield Progress(EVIDENCE_STAGE, 0, 0, "no steps", learner.figures)
        return
    smooth: dict[str, float] = defaultdict(float)
    saved = done = start
    try:
        for number in range(start, config.steps):
            losses = learner.step(number)
            done = number + 1
            data: dict[str, Any] = {"step": done} | {f"{kind}_loss": loss for kind, loss in losses.items()}
            if done % config.eval_every == 0 or done == config.steps:
                data |= learner.held_out()
            learner.figures |= data
            if done % config.checkpoint_every == 0:
                learner.save_checkpoint(output, done, run)
                saved = done
            for kind, loss in losses.items():
                smooth[kind] = _SMOOTH * smooth[kind] + (1 - _SMOOTH) * loss if kind in smooth else loss
            yield Progress(EVIDENCE_STAGE, done, config.steps, message("loss {loss:.3f}", loss=smooth["read"]), data)
    finally:
        # Closing the generator (cancel) ends up here as well: nothing that was learned is lost.
        if done > saved:
            learner.save_checkpoint(output, done, run)


def _calibrate_null(output: Path, lm: LanguageModel, corpus: Corpus, reading: ZReading) -> None:
    """Calibrates the null slot if the corpus has enough held-out questions, given what is read off Z."""
    memory, questions = Memory.load(output, lm, reading=reading), corpus.questions.get("dev", ())
    if enough(memory, questions):
        calibrate_null(memory, questions)
        memory.save(output)
