"""Builds the artefacts of a workspace, stage by stage. The CLI and the app build with nothing else.

    prepare -> cluster -> blocks         (RAG needs the first, RAG + blocks the first and last, CAG all three)
    prepare -> cluster -> cache          (CAG from whole cells)
    prepare -> cluster -> warm           (CAG where the language model runs on a server)
    prepare -> stores.index.build_index  (RAG over another store than the default)
    prepare -> train -> adapt            (LLM-as-Memory)

Every stage is a generator of ``Progress``. Most stages compute everything before they write, so that cancelling one
leaves the workspace unchanged; caches and training save what is finished and continue from there.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core import swap
from core.artefacts import DEFAULT_STORE, artefact
from core.corpus import store as corpus_store
from core.corpus.chunking import DEFAULT_CHUNKING, Chunking
from core.corpus.load import loading
from core.corpus.originals import keep_originals
from core.corpus.readers.base import DEFAULT_COLUMNS, Columns
from core.corpus.store import load_passages, write_corpus
from core.corpus.types import Corpus, Passage, Question, texts
from core.errors import ArtefactStale, TesseraError
from core.jobs import Progress, Result, Work, WorkClock, mapped
from core.kvcache.blocks import build_blocks
from core.kvcache.build import build_cells
from core.kvcache.identity import chosen_precision
from core.kvcache.location import location_for, migrate
from core.kvcache.variants import BLOCKS, WHOLE_CELLS, model_params, variant_folder
from core.memory import adaptation
from core.memory.adaptation import AdaptConfig, without_row
from core.memory.calibration import calibrate_null
from core.memory.config import MemoryConfig
from core.memory.first_z import document_shards, first_z_shard
from core.memory.model import Memory
from core.memory.presets import load_preset
from core.memory.prompt import ZPrompt
from core.memory.shared_weights import SharedWeights
from core.memory.store import CARD, FILES, LORA, PARTS, Card, load_pool, read_card, save_pool
from core.memory.training import is_begun, train_memory
from core.messages import message
from core.models.embeddings import encode_shard, load_vectors, text_shards, write_vectors
from core.models.encoder import Vectors, truncated_rows
from core.models.registry import Models
from core.models.server import Server
from core.models.server_engine import ServerEngine
from core.models.variant import ModelVariant
from core.settings import ROOT, Settings
from core.stores.index import write_index
from core.trace import Tracer
from core.voronoi.labels import label_cells
from core.voronoi.partition import Partition, PartitionConfig, load_cells, partition_passages
from core.voronoi.projection import project
from core.workers import InProcess, Workers, compute_arrays, count_saved, forget_arrays
from core.workspace import TRAINING, Workspace

SAMPLE_MEMORY = ROOT / "assets" / "memory" / "sample"
SHIPPED = "sample"
"""Name of the shipped memory as the start of a training."""
_QUESTION_TOKENS = 256
"""Tokens that a cell leaves in the model's context for the question and the template."""
SHARDS = ".shards"
"""Folder for what workers have computed of a stage that is not written yet."""
AT_ONCE = "at-once"
BEFORE = "before-change"
"""Folder of the corpus as it was before documents were put in or taken out; see ``core.revision``."""
FIRST_MEMORY = 500
"""Largest corpus that gets a first memory automatically; a few seconds per hundred documents."""


def prepare(
    ws: Workspace,
    models: Models,
    source: str,
    size: int | None = None,
    further: Settings | None = None,
    columns: Columns = DEFAULT_COLUMNS,
    chunking: Chunking = DEFAULT_CHUNKING,
    workers: Workers | None = None,
) -> Work:
    """Reads a corpus, embeds its passages and indexes them.

    Args:
        ws: The workspace; artefacts of another corpus become stale.
        models: The encoder, and the tokenizer that counts the tokens of chunks.
        source: See ``core.corpus.load.loading``.
        size: Keep the first ``size`` passages; None keeps all.
        further: Settings for building what the methods other than RAG need, see ``build_remaining``; None stops after
            the index.
        workers: Who embeds the passages; None embeds them here.

    Yields:
        Progress; after reading, ``data["left_out"]`` lists the files that were skipped and why, ``data["notes"]`` what
        was assumed about the others, and ``data["duplicates"]`` the number of passages skipped as duplicates.

    Raises:
        CorpusError: The source cannot be read.
    """
    yield Progress("Reading the corpus", 0, 1, source)
    work = loading(source, size=size, count=models.prompt().count, columns=columns, chunking=chunking)
    loaded = yield from mapped(work, lambda name: Progress("Reading the corpus", 0, 1, name))
    failed = [{"name": file.name, "error": file.error} for file in loaded.files if file.status == "failed"]
    notes = [{"name": file.name, "note": file.note} for file in loaded.files if file.status == "ready" and file.note]
    remarks = {"left_out": failed, "notes": notes, "duplicates": loaded.duplicates}
    data = {name: value for name, value in remarks.items() if value}
    corpus = loaded.corpus
    yield Progress("Reading the corpus", 1, 1, message("{n:,} passages", n=len(corpus.passages)), data)
    originals = ((path.name, path.read_bytes()) for path in loaded.paths.values())
    yield from prepare_corpus(ws, models, corpus, further, originals, workers)


def prepare_corpus(
    ws: Workspace,
    models: Models,
    corpus: Corpus,
    further: Settings | None = None,
    originals: Iterable[tuple[str, bytes]] = (),
    workers: Workers | None = None,
) -> Work:
    """Embeds and indexes a corpus that is already in memory, then writes all three artefacts; see ``prepare``.

    Args:
        further: See ``prepare``.
        originals: Name and content of the files it was read from, which are kept.
        workers: See ``prepare``. What is computed is saved at once, so that a build that is stopped or killed goes on.

    Raises:
        TesseraError: The corpus has no passage.
    """
    if not corpus.passages:
        raise TesseraError("The corpus has no passage.", "Add a document with text in it.")
    with ws.lock():
        encoder = models.encoder()
        total = len(corpus.passages)
        yield Progress("Embedding passages", 0, total)
        clock, shards, saved = WorkClock(), text_shards(texts(corpus.passages), encoder), ws.path / SHARDS
        content = [shard.content for shard in shards]
        earlier = count_saved(saved, content)
        work = compute_arrays(workers or InProcess(models), encode_shard, shards, saved, content)
        batches = yield from clock.over(_in_passages("Embedding passages", work, [len(s.texts) for s in shards]))
        # A start that was stopped spent as much on a shard as this one: the build time is that of all of them.
        vectors, embedding_s = np.concatenate(batches), clock.seconds * len(shards) / max(1, len(shards) - earlier)
        write_corpus(ws, corpus)
        keep_originals(ws, [corpus], originals)
        if (ws.path / BEFORE).is_dir():
            swap.remove(ws.path / BEFORE)
        write_vectors(ws, encoder, vectors, embedding_s, len(truncated_rows(encoder, texts(corpus.passages))))
        forget_arrays(saved)
        write_index(ws, DEFAULT_STORE, corpus.passages, vectors)
        yield Progress("Indexing passages", total, total)
    if further:
        yield from build_remaining(ws, models, further)


def _in_passages(
    stage: str, work: Generator[tuple[Sequence[int], str], None, Result], sizes: Sequence[int]
) -> Generator[Progress, None, Result]:
    """Turns the shards that are done into ``Progress``, given the passages of each."""

    def progress(step: tuple[Sequence[int], str]) -> Progress:
        done, note = step
        return Progress(stage, sum(sizes[number] for number in done), sum(sizes), note)

    return (yield from mapped(work, progress))


def embed_anew(ws: Workspace, models: Models, settings: Settings) -> Work:
    """Embeds and indexes the passages of a workspace with another encoder, and cuts its cells anew where it has any.

    Raises:
        ArtefactMissing: There is no corpus.
    """
    has_cells = ws.manifest("partition") is not None
    yield from prepare_corpus(ws, models, ws.read("corpus", corpus_store.load))
    if has_cells:
        yield from cluster_with_settings(ws, models, settings)


def cluster(ws: Workspace, models: Models, settings: Settings, config: PartitionConfig) -> Work:
    """Divides the passages into Voronoi cells and projects them to the plane.

    Args:
        models: Tokenizer and context length of the language model; cells with a token budget leave room for a question.
        settings: Longest answer, for which cells leave room as well.

    Raises:
        ArtefactMissing: The corpus has not been prepared.
    """
    with ws.lock():
        passages = load_passages(ws)
        vectors = load_vectors(ws)
        prompt = models.prompt()
        clock = WorkClock()
        tokens = np.array([len(prompt.passage(passage)) for passage in passages])
        room = max(1, models.max_context() - len(prompt.head) - settings.max_new_tokens - _QUESTION_TOKENS)
        if config.cell_tokens:
            config = replace(config, cell_tokens=min(config.cell_tokens, room))
        partition = yield from clock.over(partition_passages(vectors, tokens, config))
        yield from write_cells(ws, passages, vectors, partition, clock.seconds)


def write_cells(
    ws: Workspace, passages: Sequence[Passage], vectors: Vectors, partition: Partition, spent_s: float = 0.0
) -> Work:
    """Projects cells to the plane, then writes both; the workspace holds the corpus and vectors they came from."""
    config = partition.config
    yield Progress("Projecting to the plane", 0, 1)
    clock = WorkClock()
    projection = project(vectors, partition.assignment, seed=config.seed)
    projection_s = clock.seconds
    params = {
        "cells": partition.k,
        "asked": config.k,
        "silhouette": partition.silhouette,
        "seed": config.seed,
        "auto_k": config.auto_k,
        "cell_tokens": config.cell_tokens,
        "labels": label_cells(passages, partition.assignment),
    }
    inputs = {"corpus": ws.fingerprint("corpus"), "embeddings": ws.fingerprint("embeddings")}
    with ws.write("partition", inputs, params, spent_s=spent_s) as folder:
        partition.save(folder)
    inputs["partition"] = ws.fingerprint("partition")
    with ws.write("projection", inputs, {}, spent_s=projection_s) as folder:
        projection.save(folder)
    yield Progress("Projecting to the plane", 1, 1, message("{n:,} cells", n=partition.k))


def blocks(
    ws: Workspace, models: Models, settings: Settings, force: bool = False, workers: Workers | None = None
) -> Work:
    """Computes the block of every passage; continues where an earlier build stopped.

    Args:
        ws: A workspace with a corpus; its blocks for other models and precisions are kept.
        workers: Who computes them; None computes them here.

    Raises:
        ArtefactMissing: There is no corpus yet.
    """
    yield from _build(ws, models, settings, force, BLOCKS, load_passages, build_blocks, workers)


def cache(
    ws: Workspace, models: Models, settings: Settings, force: bool = False, workers: Workers | None = None
) -> Work:
    """Prefills every cell as a whole; see ``blocks``.

    Raises:
        ArtefactMissing: There is no partition yet.
    """
    yield from _build(ws, models, settings, force, WHOLE_CELLS, load_cells, build_cells, workers)


def _build(
    ws: Workspace,
    models: Models,
    settings: Settings,
    force: bool,
    kind: str,
    load: Callable[[Workspace], Any],
    build: Callable[..., Work],
    workers: Workers | None,
) -> Work:
    with ws.lock():
        content = load(ws)
        lm = models.language_model(ModelVariant.of(settings))
        kept_in = chosen_precision(settings.cache_precision, lm.dtype)
        inputs = {source: ws.fingerprint(source) for source in artefact(kind).built_from}
        inputs |= {"model": lm.identity.fingerprint, "precision": kept_in}
        folder = variant_folder(ws, lm, kept_in, kind)
        location = location_for(folder, settings.cache_url)
        yield from migrate(folder, location)
        yield from build(
            folder,
            lm,
            content,
            inputs,
            force=force,
            precision=kept_in,
            location=location,
            facts=model_params(settings),
            workers=workers,
        )


def warm(ws: Workspace, settings: Settings) -> Work:
    """Has the server that the settings name read every cell once, so that CAG finds its keys and values there.

    How long a server keeps them is its own business: warming again is quick where it has.

    Yields:
        A step per cell; the last one's ``data`` are tokens read, and tokens that the server had already.

    Raises:
        ArtefactMissing: There is no partition yet.
        ModelError: The server cannot be asked, or a cell is longer than its context.
    """
    with ws.lock():
        cells, engine = load_cells(ws), ServerEngine(Server.of(settings), 1)
        tracer, clock = Tracer(), WorkClock()
        for done, passages in enumerate(cells):
            for _ in engine.warm(passages, tracer):
                with clock.paused():
                    yield Progress("Warming prefixes on the server", done, len(cells))
            with clock.paused():
                yield Progress("Warming prefixes on the server", done + 1, len(cells))
        trace = tracer.finish()
        inputs = {source: ws.fingerprint(source) for source in artefact("prefixes").built_from}
        inputs["engine"] = engine.identity.fingerprint
        tokens = {"tokens": trace.prompt_tokens, "reused": trace.cached_tokens}
        params = {"server": engine.identity.name, "cells": len(cells), **tokens}
        with ws.write("prefixes", inputs, params, spent_s=clock.seconds):
            pass
        yield Progress("Warming prefixes on the server", len(cells), len(cells), "", params)


def build_sample(ws: Workspace, models: Models, settings: Settings, name: str = "sample") -> Work:
    """Builds what is missing in the workspace of a sample, and installs the memory that ships with the English one."""
    if ws.state("index").status != "ready":
        yield from prepare(ws, models, name)
    if ws.state("projection").status != "ready":
        yield from cluster_with_settings(ws, models, settings)
    if ws.state(BLOCKS).status != "ready":
        yield from blocks(ws, models, settings)
    if name == SHIPPED and ws.state("memory").status != "ready" and SAMPLE_MEMORY.is_dir():
        yield from install_sample_memory(ws)


def build_remaining(ws: Workspace, models: Models, settings: Settings) -> Work:
    """Builds what the methods other than RAG need: cells, a first memory, and blocks, or what a server reads."""
    yield from cluster_with_settings(ws, models, settings)
    yield from first_memory(ws, models)
    yield from warm(ws, settings) if settings.engine_url else blocks(ws, models, settings)


def cluster_with_settings(ws: Workspace, models: Models, settings: Settings) -> Work:
    """Builds the partition with the settings of this process."""
    config = PartitionConfig(cell_tokens=settings.cell_tokens or None, seed=settings.seed)
    yield from cluster(ws, models, settings, config)


def install_sample_memory(ws: Workspace) -> Work:
    """Copies the memory that ships with Tessera into the sample workspace.

    Raises:
        ArtefactStale: The memory was trained on another corpus than that of the workspace.
    """
    if read_card(SAMPLE_MEMORY).corpus != corpus_store.fingerprint(load_passages(ws)):
        raise ArtefactStale(
            "The shipped memory was trained on the sample corpus, and this workspace holds another one.",
            kinds=("memory",),
        )
    yield from _install_memory(ws, SAMPLE_MEMORY)


def train(
    ws: Workspace,
    models: Models,
    config: MemoryConfig,
    resume: bool = True,
    start: str = "",
    general: Corpus | None = None,
    workers: Workers | None = None,
) -> Work:
    """Trains a memory of the workspace's corpus; continues from the checkpoint of an interrupted training.

    Args:
        models: The plain language model is trained, without the reader adapter.
        resume: Continue from a checkpoint if there is one; otherwise start over.
        start: The memory to start from, see ``shared_weights``; empty starts from scratch.
        general: Other documents with train questions; required if ``config`` gives them a share.
        workers: Who gives the documents their first z; None does that here. Steps of a training are not divided.

    Raises:
        ArtefactStale: The checkpoint belongs to another corpus or other settings.
    """
    with ws.lock():
        corpus = ws.read("corpus", corpus_store.load)
        folder = ws.path / TRAINING
        if not resume and folder.is_dir():
            swap.remove(folder)
        lm = models.language_model(models.variant.plain)
        weights, first = shared_weights(start) if start else None, None
        if workers and not is_begun(folder):
            shards = document_shards(lm, corpus.passages, config)
            work = compute_arrays(workers, first_z_shard, shards, ws.path / SHARDS, [s.content for s in shards])
            stage, sizes = "Giving every document its first z", [len(shard.texts) for shard in shards]
            first = torch.from_numpy(np.concatenate((yield from _in_passages(stage, work, sizes))))
        yield from train_memory(lm, corpus, folder, config, is_begun(folder), general, weights, first)
        yield from _install_memory(ws, folder)
        forget_arrays(ws.path / SHARDS)
        swap.remove(folder)


def first_memory(ws: Workspace, models: Models) -> Work:
    """Builds a first memory in seconds, without training, from the weights of the shipped memory.

    Does nothing if that memory belongs to another model, or if the corpus is larger than ``FIRST_MEMORY``.
    """
    if len(load_passages(ws)) > FIRST_MEMORY:
        return
    lm = models.language_model(models.variant.plain)
    if shared_weights(SHIPPED).fits(lm, ZPrompt(lm.tokenizer, min(lm.stop_ids))):
        preset = load_preset(AT_ONCE)
        yield from train(ws, models, preset.config, resume=False, start=preset.start)


def shared_weights(name: str) -> SharedWeights:
    """The weights to start a training from: "sample" for the shipped memory, or the folder of a memory or workspace.

    Raises:
        TesseraError: There is no memory in the folder.
        ArtefactStale: It is damaged.
    """
    folders = [SAMPLE_MEMORY] if name == SHIPPED else [Path(name), Path(name) / "memory"]
    folder = next((folder for folder in folders if (folder / CARD).is_file()), None)
    if folder is None:
        raise TesseraError(
            message("There is no memory in {name!r} to start from.", name=name),
            message("Give {shipped}, or the folder of a memory or workspace.", shipped=SHIPPED),
        )
    return SharedWeights.load(folder)


def adapt(
    ws: Workspace,
    models: Models,
    passage: Passage,
    questions: Sequence[Question] = (),
    held_out: Sequence[Question] = (),
    config: AdaptConfig = AdaptConfig(),
    edit: bool = False,
) -> Work:
    """Adds one document to the memory; only its z is trained. Cancelling leaves the memory unchanged.

    Args:
        models: The plain language model, which is not changed.
        held_out: Questions for evaluation only.
        edit: Replace the document with the same id. The corpus, and methods that read its text, are not changed.

    Raises:
        ArtefactMissing: There is no memory.
        TesseraError: The memory already has a document with that id, or, with ``edit``, has none.
    """
    with ws.lock():
        memory = open_memory(ws, models)
        memory = adaptation.with_edited(memory, passage) if edit else adaptation.with_document(memory, passage)
        yield from adaptation.adapt(memory, passage, questions, config, held_out)
        save_memory(ws, memory)


def forget(ws: Workspace, passage_id: str) -> Work:
    """Removes one document from the memory, which needs no model.

    Raises:
        ArtefactMissing: There is no memory.
        TesseraError: The document is not in it, or nothing else is.
    """
    with ws.lock():
        pool, card = ws.read("memory", lambda folder: without_row(load_pool(folder), read_card(folder), passage_id))
        before = ws.require("memory")
        with _writing_memory(ws, card) as folder:
            for name in (PARTS, LORA):
                shutil.copyfile(before / name, folder / name)
            save_pool(folder, pool, card)
        yield Progress("Forgetting a document", 1, 1, passage_id)


def calibrate(ws: Workspace, models: Models) -> Work:
    """Calibrates the memory's null slot on the corpus' dev questions; see ``core.memory.calibration``.

    Raises:
        ArtefactMissing: There is no memory.
        TesseraError: There are too few dev questions.
    """
    with ws.lock():
        memory = open_memory(ws, models)
        yield Progress("Calibrating the null slot", 0, 1)
        before, after = calibrate_null(memory, ws.read("corpus", corpus_store.load).questions.get("dev", ()))
        save_memory(ws, memory)
        yield Progress("Calibrating the null slot", 1, 1, "", {"before": asdict(before), "after": asdict(after)})


def open_memory(ws: Workspace, models: Models) -> Memory:
    """The memory of the workspace.

    Raises:
        ArtefactMissing: There is none.
        ArtefactStale: It was trained on another corpus or model.
    """
    lm = models.language_model(models.variant.plain)
    return ws.read("memory", lambda folder: Memory.load(folder, lm))


def _install_memory(ws: Workspace, source: Path) -> Work:
    with _writing_memory(ws, read_card(source)) as folder:
        for name in FILES:
            shutil.copyfile(source / name, folder / name)
    yield Progress("Installing the memory", 1, 1)


def save_memory(ws: Workspace, memory: Memory) -> None:
    """Writes a memory of the corpus that the workspace holds."""
    with _writing_memory(ws, memory.card) as folder:
        memory.save(folder)


def _writing_memory(ws: Workspace, card: Card) -> AbstractContextManager[Path]:
    return ws.write("memory", {"corpus": ws.fingerprint("corpus")}, card.figures())
