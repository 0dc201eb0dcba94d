"""What the stages tell while they work."""

from dataclasses import replace

import pytest
import torch

from core import pipeline, swap
from core.errors import ArtefactStale, CorpusError, TesseraError
from core.manifest import MANIFEST
from core.memory.config import MemoryConfig
from core.memory.shared_weights import SharedWeights
from core.memory.store import FILES, load_parts, load_pool
from core.models.embeddings import load_vectors
from core.settings import Settings
from core.stores.index import build_index
from core.workspace import TRAINING, Workspace
from tests.disk import files_of_at_most, without_rights
from tests.models import TinyModels


@pytest.fixture
def models(tmp_path, tiny_lm, tiny_encoder):
    return TinyModels(Settings(workspaces=tmp_path), tiny_lm, tiny_encoder)


@pytest.fixture
def documents(tmp_path):
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "bell.txt").write_text("The bell of Velm rings at noon.", encoding="utf-8")
    (folder / "rows.csv").write_bytes(b"title,text\nA,fine\nB,ca\x00ht\n")
    (folder / "empty.md").write_bytes(b"")
    return folder


def test_files_that_were_left_out_are_named_with_line_and_reason(tmp_path, models, documents):
    steps = list(pipeline.prepare(Workspace(tmp_path / "ws"), models, str(documents)))
    refused = {file["name"]: file["error"] for step in steps for file in step.data.get("left_out", ())}
    assert set(refused) == {"rows.csv", "empty.md"}
    assert "line 3" in refused["rows.csv"] and "NUL" in refused["rows.csv"]
    assert "is empty" in refused["empty.md"]


def test_a_source_without_a_refusal_reports_none(tmp_path, models, documents):
    for name in ("rows.csv", "empty.md"):
        (documents / name).unlink()
    steps = list(pipeline.prepare(Workspace(tmp_path / "ws"), models, str(documents)))
    assert all(not step.data for step in steps)


def test_when_nothing_can_be_read_the_reasons_are_the_error(tmp_path, models, documents):
    (documents / "bell.txt").unlink()
    with pytest.raises(CorpusError, match="line 3"):
        list(pipeline.prepare(Workspace(tmp_path / "ws"), models, str(documents)))


@pytest.fixture
def memories(tmp_path, models, tiny_corpus):
    """Two workspaces of one corpus, the first of which has a memory."""
    config = MemoryConfig(
        m=2, z_dim=16, lora_r=2, steps=2, batch=2, router_dim=8, router_layer=1, router_steps=2, eval_questions=1
    )
    first, second = Workspace(tmp_path / "first"), Workspace(tmp_path / "second")
    for ws in (first, second):
        list(pipeline.prepare_corpus(ws, models, tiny_corpus))
    list(pipeline.train(first, models, config))
    return first, second, config


def test_a_memory_may_start_from_that_of_another_workspace(memories, models):
    first, second, config = memories
    list(pipeline.train(second, models, replace(config, steps=0, router_steps=0), start=str(first.path)))
    assert second.state("memory").status == "ready"
    begun, again = (load_parts(ws.folder("memory")) for ws in (first, second))
    assert all(torch.equal(begun[1][name], again[1][name]) for name in begun[1])
    assert second.manifest("memory").params["origin"] == "tiny"


@pytest.fixture
def killed(monkeypatch):
    """The process ends at the moment when the new folder would take its place."""
    monkeypatch.setattr(swap, "install", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    return monkeypatch


def test_a_training_that_was_killed_before_its_installation_is_installed(memories, models, killed):
    _, ws, config = memories
    with pytest.raises(KeyboardInterrupt):
        list(pipeline.train(ws, models, config))
    killed.undo()
    trained = load_pool(ws.path / TRAINING).z
    (ws.path / TRAINING / ".checkpoint.safetensors-x1y2z3_4").write_text("left by a kill")
    stages = {step.stage for step in pipeline.train(ws, models, config)}
    assert "Learning evidence" not in stages and "Training the router" not in stages
    assert torch.equal(load_pool(ws.require("memory")).z, trained)
    assert {path.name for path in ws.require("memory").iterdir()} == {*FILES, MANIFEST}
    assert not (ws.path / TRAINING).exists()


def test_a_finished_training_of_other_settings_is_not_installed(memories, models, killed):
    _, ws, config = memories
    with pytest.raises(KeyboardInterrupt):
        list(pipeline.train(ws, models, config))
    killed.undo()
    with pytest.raises(ArtefactStale, match="another corpus, model or settings"):
        list(pipeline.train(ws, models, replace(config, seed=9)))
    list(pipeline.train(ws, models, replace(config, seed=9), resume=False))
    assert ws.manifest("memory").params["seed"] == 9


def test_forgetting_that_was_killed_leaves_the_memory_as_it_was(memories, models, killed):
    ws, _, _ = memories
    before = load_pool(ws.require("memory"))
    with pytest.raises(KeyboardInterrupt):
        list(pipeline.forget(ws, before.ids[0]))
    killed.undo()
    assert load_pool(ws.require("memory")).ids == before.ids
    list(pipeline.forget(ws, before.ids[0]))
    assert load_pool(ws.require("memory")).ids == before.ids[1:]


def test_a_disk_that_fills_up_during_a_training_is_a_sentence(memories, models):
    _, ws, config = memories
    with files_of_at_most(20_000), pytest.raises(TesseraError, match="cannot be written"):
        list(pipeline.train(ws, models, replace(config, checkpoint_every=1)))
    list(pipeline.train(ws, models, replace(config, checkpoint_every=1)))
    assert ws.state("memory").status == "ready"


@pytest.mark.parametrize(
    "build",
    [
        lambda ws, models, documents: pipeline.prepare(ws, models, documents),
        lambda ws, models, documents: pipeline.cluster_with_settings(ws, models, models.settings),
        lambda ws, models, documents: pipeline.cache(ws, models, models.settings, force=True),
        lambda ws, models, documents: pipeline.blocks(ws, models, models.settings),
        lambda ws, models, documents: build_index(ws, "bm25"),
        lambda ws, models, documents: pipeline.forget(ws, "p0"),
    ],
    ids=["prepare", "cluster", "cache", "blocks", "index", "forget"],
)
@pytest.mark.parametrize("disk", ["full", "read only"])
def test_what_cannot_be_written_is_a_sentence(memories, models, documents, build, disk):
    ws, _, _ = memories
    for work in (pipeline.cluster_with_settings, pipeline.cache):
        list(work(ws, models, models.settings))
    if disk == "full":
        with files_of_at_most(64), pytest.raises(TesseraError, match="written"):
            list(build(ws, models, str(documents)))
    else:
        with without_rights(), pytest.raises(TesseraError, match="written"):
            list(build(ws, models, str(documents)))
    assert ws.state("memory").status == "ready"


def test_a_start_that_is_not_there_is_named(memories, models):
    _, second, config = memories
    with pytest.raises(TesseraError, match="no memory in 'nowhere'") as refusal:
        list(pipeline.train(second, models, config, start="nowhere"))
    assert "sample" in refusal.value.remedy


def test_a_first_memory_is_made_only_where_the_shipped_one_fits(tmp_path, models, documents, monkeypatch):
    ws = Workspace(tmp_path / "ws")
    list(pipeline.prepare(ws, models, str(documents)))
    tried = []
    monkeypatch.setattr(pipeline, "train", lambda *_, start, resume: iter(tried.append(start) or ()))
    assert list(pipeline.first_memory(ws, models)) == tried == []
    monkeypatch.setattr(SharedWeights, "fits", lambda *_: True)
    assert list(pipeline.first_memory(ws, models)) == [] and tried == ["sample"]
    monkeypatch.setattr(pipeline, "FIRST_MEMORY", 0)
    assert list(pipeline.first_memory(ws, models)) == [] and tried == ["sample"]


def test_embedding_anew_renews_index_and_cells_and_leaves_blocks(tmp_path, models, tiny_corpus, monkeypatch):
    ws, settings = Workspace(tmp_path / "ws"), Settings(workspaces=tmp_path)
    list(pipeline.prepare_corpus(ws, models, tiny_corpus, settings))
    blocks = ws.fingerprint("blocks")
    monkeypatch.setattr(models.encoder(), "fingerprint", "another")
    assert ws.state("embeddings", {"encoder": "another"}).status == "stale"
    list(pipeline.embed_anew(ws, models, settings))
    assert ws.state("embeddings", {"encoder": "another"}).status == "ready"
    assert {kind: ws.state(kind).status for kind in ("index", "partition", "projection", "blocks")} == dict.fromkeys(
        ("index", "partition", "projection", "blocks"), "ready"
    )
    assert ws.fingerprint("blocks") == blocks


def test_embedding_that_was_stopped_goes_on_with_what_is_missing(tmp_path, models, tiny_corpus, monkeypatch):
    monkeypatch.setattr("core.models.embeddings._BATCH", 3)
    encoded: list[str] = []
    encode = models.encoder().encode_passages
    monkeypatch.setattr(models.encoder(), "encode_passages", lambda texts: encoded.extend(texts) or encode(texts))
    at_once, stopped = Workspace(tmp_path / "at-once"), Workspace(tmp_path / "stopped")
    list(pipeline.prepare_corpus(at_once, models, tiny_corpus))
    total = len(encoded)
    steps = pipeline.prepare_corpus(stopped, models, tiny_corpus)
    while (step := next(steps)).done < 6:
        assert step.stage == "Embedding passages"
    steps.close()
    assert stopped.manifest("embeddings") is None
    encoded.clear()
    first, *_ = pipeline.prepare_corpus(stopped, models, tiny_corpus)
    assert first.stage == "Embedding passages" and len(encoded) == total - 6
    assert load_vectors(stopped).tobytes() == load_vectors(at_once).tobytes()
    assert not (stopped.path / pipeline.SHARDS).exists()
