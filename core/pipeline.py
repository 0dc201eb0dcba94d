"""From documents to a workspace that can answer, stage by stage. The CLI and the app call nothing else to build.

    prepare -> cluster -> cache          (RAG needs the first, CAG all three)
    prepare -> cluster -> blocks         (composed CAG)
    prepare -> build_index               (RAG over another store than the default)
    prepare -> train -> adapt            (LLM-as-Memory)

Every stage is a generator of ``Progress``. What can be computed before anything is written is computed first, so that
a cancelled stage leaves the workspace as it was; caches and training keep what they had finished and go on from there.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from core.corpus import store as corpus_store
from core.corpus.importing import FileResult
from core.corpus.load import load_corpus
from core.corpus.types import Corpus, Passage, Question, texts
from core.errors import ArtefactMissing, ArtefactStale, TesseraError
from core.jobs import Progress, Work
from core.kvcache.blocks import KIND as BLOCKS
from core.kvcache.blocks import build_blocks
from core.kvcache.build import build_caches
from core.kvcache.location import location_for, take_in
from core.kvcache.precision import chosen_precision
from core.kvcache.variants import asked_for, variant_folder
from core.memory.adaptation import AdaptConfig
from core.memory.adaptation import adapt as adapt_document
from core.memory.calibration import calibrate_null
from core.memory.config import MemoryConfig
from core.memory.frame import Frame
from core.memory.learner import CHECKPOINT
from core.memory.model import Memory
from core.memory.presets import load_preset
from core.memory.store import CARD, read_card
from core.memory.theta import Theta
from core.memory.training import train_memory
from core.models.bundle import Models
from core.models.encoder import Vectors, encode_in_batches
from core.said import said
from core.settings import DEFAULT_STORE, ROOT
from core.stores.registry import STORES, find_store
from core.voronoi.labels import label_cells
from core.voronoi.partition import Partition, PartitionConfig, partition_passages
from core.voronoi.projection import project
from core.workspace import Workspace, index_kind

SAMPLE_MEMORY = ROOT / "assets" / "memory" / "sample"
SHIPPED = "sample"
"""The name under which a training may start from it."""
VECTORS_FILE = "vectors.safetensors"
_QUESTION_TOKENS = 256
"""Room that a cell leaves in the model's context for a question and the frame of the prompt."""
AT_ONCE = "at-once"
FIRST_MEMORY = 500
"""Documents up to which a workspace gets its first memory unasked: a few seconds for every hundred."""
TRAINING = "training"
"""Folder of a memory under training, and of its checkpoint."""


def prepare(ws: Workspace, models: Models, source: str, size: int | None = None) -> Work:
    """Reads a corpus, embeds its passages and indexes them.

    Args:
        ws: Where to put them; what it held of another corpus becomes stale.
        models: Encoder, and the tokenizer that chunks are counted with.
        source: See ``core.corpus.load.load_corpus``.
        size: Keep the first ``size`` passages.

    Yields:
        Progress; the step after reading names under ``data["left_out"]`` the files that were left out, and why.

    Raises:
        CorpusError: The source cannot be read.
    """
    yield Progress("Reading the corpus", 0, 1, source)
    files: list[FileResult] = []
    corpus = load_corpus(source, size=size, count=models.prompt().count, on_file=files.append)
    refused = [{"name": file.name, "error": file.error} for file in files if file.status == "failed"]
    data = {"left_out": refused} if refused else {}
    yield Progress("Reading the corpus", 1, 1, said("{n:,} passages", n=len(corpus.passages)), data)
    yield from prepare_corpus(ws, models, corpus)


def prepare_corpus(ws: Workspace, models: Models, corpus: Corpus) -> Work:
    """Embeds and indexes a corpus that is already in memory, then writes all three artefacts.

    Raises:
        TesseraError: The corpus has no passage.
    """
    if not corpus.passages:
        raise TesseraError("The corpus has no passage.", "Add a document with text in it.")
    with ws.lock():
        encoder = models.encoder()
        began = datetime.now(timezone.utc)
        batches: list[Vectors] = []
        done, total = 0, len(corpus.passages)
        yield Progress("Embedding passages", 0, total)
        for batch in encode_in_batches(encoder, texts(corpus.passages)):
            batches.append(batch)
            done += len(batch)
            yield Progress("Embedding passages", done, total)
        vectors = np.concatenate(batches)
        write_corpus(ws, corpus)
        inputs = {"corpus": ws.fingerprint("corpus"), "encoder": encoder.fingerprint}
        with ws.write("embeddings", inputs, {"encoder": encoder.name, "dim": encoder.dim}, began=began) as folder:
            save_file({"vectors": vectors}, folder / VECTORS_FILE)
        write_index(ws, DEFAULT_STORE, corpus.passages, vectors)
        yield Progress("Indexing passages", total, total)


def build_index(ws: Workspace, store: str, force: bool = False) -> Work:
    """Indexes the passages in one more store; the embeddings are there already, so no model is loaded.

    Args:
        ws: A prepared workspace.
        store: Name in the registry.
        force: Build it anew although it still holds.

    Raises:
        ArtefactMissing: The corpus has not been prepared.
        TesseraError: There is no such store, or its engine refuses.
    """
    spec = find_store(store)
    with ws.lock():
        stage = said("Building the {store} index", store=said(spec.label))
        if ws.state(index_kind(store)).status == "ready" and not force:
            yield Progress(stage, 1, 1, "it is there already")
            return
        passages, vectors = load_passages(ws), load_vectors(ws)
        note = said("{n:,} passages", n=len(passages))
        yield Progress(stage, 0, 1, note)
        write_index(ws, store, passages, vectors)
        yield Progress(stage, 1, 1, note)


def delete_index(ws: Workspace, store: str) -> None:
    """Deletes the index of a store, also what it keeps outside the workspace.

    Raises:
        ArtefactMissing: There is none.
        TesseraError: Its server or object storage cannot be reached.
    """
    kind, spec = index_kind(store), find_store(store)
    with ws.lock():
        if not ws.folder(kind).is_dir():
            raise ArtefactMissing(f"The workspace {ws.name!r} has no {kind}.", "There is nothing to delete.")
        spec.drop(ws.folder(kind))
        shutil.rmtree(ws.folder(kind))


def cluster(ws: Workspace, models: Models, config: PartitionConfig) -> Work:
    """Cuts the passages into Voronoi cells and projects them to the plane.

    Args:
        ws: Holds the corpus and its embeddings.
        models: Tokenizer and context of the language model: a cell that leaves no room for a question is no use.
        config: How to cut.

    Raises:
        ArtefactMissing: The corpus has not been prepared.
    """
    with ws.lock():
        passages = load_passages(ws)
        vectors = load_vectors(ws)
        prompt = models.prompt()
        began = datetime.now(timezone.utc)
        tokens = np.array([len(prompt.passage(passage)) for passage in passages])
        room = max(1, models.max_context() - len(prompt.head) - models.settings.max_new_tokens - _QUESTION_TOKENS)
        config = replace(config, cell_tokens=min(config.budget, room))
        partition = yield from partition_passages(vectors, tokens, config)
        labels = label_cells(passages, partition.assignment)
        params = {
            "cells": partition.k,
            "asked": config.k,
            "silhouette": partition.silhouette,
            "seed": config.seed,
            "auto_k": config.auto_k,
            "cell_tokens": config.cell_tokens,
            "labels": labels,
        }
        yield Progress("Projecting to the plane", 0, 1)
        projection = project(vectors, partition.assignment, seed=config.seed)
        inputs = {"corpus": ws.fingerprint("corpus"), "embeddings": ws.fingerprint("embeddings")}
        with ws.write("partition", inputs, params, began=began) as folder:
            partition.save(folder)
        with ws.write("projection", {**inputs, "partition": ws.fingerprint("partition")}, {}) as folder:
            projection.save(folder)
        yield Progress("Projecting to the plane", 1, 1, said("{n:,} cells", n=partition.k))


def cache(
    ws: Workspace, models: Models, force: bool = False, reader: bool | None = None, precision: str | None = None
) -> Work:
    """Prefills every cell once and stores its KV cache; goes on where an earlier build stopped.

    Args:
        ws: Holds the cells; caches of other models and precisions stay beside these.
        models: The model, and the settings that say where caches are kept.
        force: Build cells again whose cache still holds.
        reader: Prefill with the reader adapter or plain; None follows the settings.
        precision: See ``core.kvcache.precision``; None follows the settings.

    Raises:
        ArtefactMissing: There is no partition yet.
    """
    with ws.lock():
        cells = load_cells(ws)
        lm = models.language_model(reader)
        kept_in = chosen_precision(precision or models.settings.cache_precision, lm.dtype)
        inputs = {
            "corpus": ws.fingerprint("corpus"),
            "partition": ws.fingerprint("partition"),
            "model": lm.identity.fingerprint,
            "precision": kept_in,
        }
        folder = variant_folder(ws, lm, kept_in)
        location = location_for(folder, ws, models.settings.cache_url)
        yield from take_in(folder, location)
        facts = asked_for(models.settings, reader)
        yield from build_caches(folder, lm, cells, inputs, force, kept_in, location, facts)


def blocks(ws: Workspace, models: Models, force: bool = False, reader: bool | None = None) -> Work:
    """Computes the block of every passage behind the shared head, for composed CAG.

    Args:
        ws: Holds the cells; blocks of other models stay beside these.
        models: The model.
        force: Compute blocks again that still hold.
        reader: With the reader adapter or plain; None follows the settings.

    Raises:
        ArtefactMissing: There is no partition yet.
    """
    with ws.lock():
        cells = load_cells(ws)
        lm = models.language_model(reader)
        inputs = {kind: ws.fingerprint(kind) for kind in ("corpus", "partition")}
        folder = ws.folder(BLOCKS) / variant_folder(ws, lm, "auto").name
        location = location_for(folder, ws, models.settings.cache_url)
        yield from take_in(folder, location)
        yield from build_blocks(folder, lm, cells, {**inputs, "model": lm.identity.fingerprint}, force, location)


def build_sample(ws: Workspace, models: Models) -> Work:
    """Builds whatever the sample workspace lacks, and puts the shipped memory in it."""
    if ws.state("index").status != "ready":
        yield from prepare(ws, models, "sample")
    if ws.state("projection").status != "ready":
        settings = models.settings
        yield from cluster(ws, models, PartitionConfig(cell_tokens=settings.cell_tokens, seed=settings.seed))
    if ws.state("caches").status != "ready":
        yield from cache(ws, models)
    if ws.state("memory").status != "ready" and SAMPLE_MEMORY.is_dir():
        yield from install_sample_memory(ws)


def install_sample_memory(ws: Workspace) -> Work:
    """Copies the memory that ships with Tessera into the sample workspace.

    Raises:
        ArtefactStale: The workspace holds another corpus than the one the memory was trained on.
    """
    if read_card(SAMPLE_MEMORY).corpus != corpus_store.fingerprint(load_passages(ws)):
        raise ArtefactStale(
            "The shipped memory was trained on the sample corpus, and this workspace holds another one.",
            "Train a memory for it: `python -m app train`.",
        )
    yield from _install_memory(ws, SAMPLE_MEMORY)


def train(
    ws: Workspace,
    models: Models,
    config: MemoryConfig,
    resume: bool = True,
    start: str = "",
    general: Corpus | None = None,
) -> Work:
    """Trains a memory of the workspace's corpus; goes on from the checkpoint of an interrupted run.

    Args:
        ws: Holds the corpus; gets the memory.
        models: The plain language model is what learns; the reader adapter stays out of it.
        config: Settings of memory and training.
        resume: Go on from a checkpoint if there is one; otherwise begin anew.
        start: The memory whose LoRA, projector and router are the start; see ``theta_of``. Empty starts from nothing.
        general: A pool of other documents with train questions; needed where ``config`` gives it a share.

    Raises:
        ArtefactStale: The checkpoint belongs to another corpus or other settings.
    """
    with ws.lock():
        corpus = corpus_store.load(ws.require("corpus"))
        folder = ws.path / TRAINING
        if not resume:
            shutil.rmtree(folder, ignore_errors=True)
        lm = models.language_model(reader=False)
        unfinished = (folder / CHECKPOINT).is_file()
        theta = theta_of(start) if start else None
        yield from train_memory(lm, corpus, folder, config, unfinished, general, theta)
        yield from _install_memory(ws, folder)
        shutil.rmtree(folder, ignore_errors=True)


def first_memory(ws: Workspace, models: Models) -> Work:
    """Gives every document its first z, found and read with what the shipped memory has learned: seconds, no training.

    Does nothing where that memory belongs to another model, or the corpus is larger than ``FIRST_MEMORY``.
    """
    if len(load_passages(ws)) > FIRST_MEMORY:
        return
    lm = models.language_model(reader=False)
    if theta_of(SHIPPED).fits(lm, Frame(lm.tokenizer, min(lm.stop_ids))):
        preset = load_preset(AT_ONCE)
        yield from train(ws, models, preset.config, resume=False, start=preset.start)


def theta_of(name: str) -> Theta:
    """What a training may start from: "sample" for the memory that ships, else the folder of a memory or workspace.

    Raises:
        TesseraError: There is no memory.
        ArtefactStale: It is damaged.
    """
    folders = [SAMPLE_MEMORY] if name == SHIPPED else [Path(name), Path(name) / "memory"]
    folder = next((folder for folder in folders if (folder / CARD).is_file()), None)
    if folder is None:
        raise TesseraError(
            f"There is no memory in {name!r} to start from.", f"Give {SHIPPED}, or the folder of a memory or workspace."
        )
    return Theta.load(folder)


def adapt(
    ws: Workspace,
    models: Models,
    passage: Passage,
    questions: Sequence[Question] = (),
    held_out: Sequence[Question] = (),
    config: AdaptConfig = AdaptConfig(),
    edit: bool = False,
) -> Work:
    """Teaches the memory one document; only its z is trained. Cancelled, the memory stays as it was.

    Args:
        ws: Holds the memory.
        models: The plain language model, which stays as it is.
        passage: The document.
        questions: Questions about it to learn from.
        held_out: Questions that are only looked at.
        config: Steps and learning rate.
        edit: The memory holds a document of that id, and ``passage`` takes its place. The corpus, and the arms that
            read its text, stay as they are.

    Raises:
        ArtefactMissing: There is no memory.
        TesseraError: The memory holds a document of that id, or, to edit, holds none.
    """
    with ws.lock():
        before = open_memory(ws, models)
        memory = before.with_edited(passage) if edit else before.with_document(passage)
        yield from adapt_document(memory, passage, questions, config, held_out)
        _save_memory(ws, memory)


def forget(ws: Workspace, models: Models, passage_id: str) -> Work:
    """Takes one document out of the memory.

    Raises:
        TesseraError: The memory does not hold it.
    """
    with ws.lock():
        _save_memory(ws, open_memory(ws, models).without_document(passage_id))
        yield Progress("Forgetting a document", 1, 1, passage_id)


def calibrate(ws: Workspace, models: Models) -> Work:
    """Sets the memory's null slot on the corpus' dev questions; see ``core.memory.calibration``.

    Raises:
        ArtefactMissing: There is no memory.
        TesseraError: There are too few dev questions.
    """
    with ws.lock():
        memory = open_memory(ws, models)
        yield Progress("Calibrating the null slot", 0, 1)
        before, after = calibrate_null(memory, corpus_store.load(ws.require("corpus")).questions.get("dev", ()))
        with ws.write("memory", {"corpus": ws.fingerprint("corpus")}, memory.card.figures()) as folder:
            memory.save(folder)
            memory.save_router(folder)
        yield Progress("Calibrating the null slot", 1, 1, "", {"before": asdict(before), "after": asdict(after)})


def open_memory(ws: Workspace, models: Models) -> Memory:
    """The memory of the workspace.

    Raises:
        ArtefactMissing: There is none.
        ArtefactStale: It was trained on another corpus or model.
    """
    return Memory.load(ws.require("memory"), models.language_model(reader=False))


def load_passages(ws: Workspace) -> tuple[Passage, ...]:
    """Passages of the workspace's corpus, in row order."""
    return corpus_store.load(ws.require("corpus")).passages


def load_vectors(ws: Workspace) -> Vectors:
    """Embeddings [n, dim] of the passages, unit length, float32."""
    vectors: Vectors = load_file(ws.require("embeddings") / VECTORS_FILE)["vectors"]
    return vectors


def load_cells(ws: Workspace) -> list[list[Passage]]:
    """Passages of each cell, in row order."""
    passages = load_passages(ws)
    partition = Partition.load(ws.require("partition"))
    return [[passages[row] for row in rows] for rows in partition.members()]


def write_index(ws: Workspace, store: str, passages: Sequence[Passage], vectors: Vectors) -> None:
    """Indexes passages in a store; corpus and embeddings of the workspace are those they came from."""
    embeddings = ws.manifest("embeddings")
    encoder = embeddings.inputs["encoder"] if embeddings else ""
    inputs = {"corpus": ws.fingerprint("corpus"), "encoder": encoder, "embeddings": ws.fingerprint("embeddings")}
    kind, spec = index_kind(store), STORES[store]
    params: dict[str, Any] = {"store": store}
    with ws.write(kind, inputs, params, spec.drop) as folder:
        index = spec.create(folder, passages, vectors)
        stats = index.stats()
        index.close()
        params.update(backend=stats.backend, bytes=stats.bytes)


def _install_memory(ws: Workspace, source: Path) -> Work:
    with ws.write("memory", {"corpus": ws.fingerprint("corpus")}, read_card(source).figures()) as folder:
        shutil.copytree(source, folder, dirs_exist_ok=True)
    yield Progress("Installing the memory", 1, 1)


def _save_memory(ws: Workspace, memory: Memory) -> None:
    with ws.write("memory", {"corpus": ws.fingerprint("corpus")}, memory.card.figures()) as folder:
        memory.save(folder)


def write_corpus(ws: Workspace, corpus: Corpus) -> None:
    """Writes a corpus; whatever was built from another one becomes stale."""
    params = {
        "name": corpus.name,
        "passages": len(corpus.passages),
        "questions": sum(len(questions) for questions in corpus.questions.values()),
        "digest": corpus_store.fingerprint(corpus.passages),
    }
    with ws.write("corpus", {}, params) as folder:
        corpus_store.save(corpus, folder)
