"""A workspace goes with what it keeps in Redis and in shared storage, and leaves what is another's."""

import shutil
from dataclasses import replace

import pytest

from core import pipeline
from core.errors import TesseraError, WorkspaceBusy
from core.evaluation.feedback import Feedback, feedback_log
from core.methods.base import answer
from core.methods.redis_rag import RedisRag
from core.methods.resources import Resources
from core.removal import belongings, delete_workspace, rename_workspace
from core.settings import Settings
from core.stores.index import build_index, delete_index
from core.stores.redis.answer_keys import key_of, stored_counts
from core.stores.redis.connection import connection
from core.stores.registry import find_store
from core.voronoi.partition import PartitionConfig
from core.workspace import Workspace
from tests.models import TinyModels

QUESTION = "Who built the lighthouse of Velm?"


@pytest.fixture
def models(tiny_lm, tiny_encoder, tmp_path, s3, monkeypatch):
    monkeypatch.setenv("TESSERA_LANCEDB_URL", f"{s3.url}/tables")
    settings = Settings(workspaces=tmp_path, max_new_tokens=8, cache_url=f"{s3.url}/cells", feedback="redis")
    return TinyModels(settings, tiny_lm, tiny_encoder)


@pytest.fixture
def build(models, tiny_corpus):
    """Makes a workspace that keeps something everywhere."""

    def make(path):
        ws, settings = Workspace(path), models.settings
        list(pipeline.prepare_corpus(ws, models, tiny_corpus))
        list(pipeline.cluster(ws, models, settings, PartitionConfig(auto_k=False, k=3)))
        list(pipeline.cache(ws, models, settings))
        list(pipeline.blocks(ws, models, settings))
        list(build_index(ws, "lancedb-flat"))
        answer(RedisRag(Resources(ws, models, settings), cache=True, distance=0.1), QUESTION)
        feedback_log(ws, settings).add(Feedback(QUESTION, "redis-rag", "Oren Pask", 1))
        return ws

    return make


def on_server():
    client = connection().client()
    keys = {key.decode() for key in client.scan_iter(count=500) if b"embeddings" not in key}
    return keys | {name.decode() for name in client.execute_command("FT._LIST")}


def opens(ws, store):
    return find_store(store).open(ws.require(f"index-{store}"))


def test_everything_goes_and_is_listed_first(build, s3, tmp_path):
    before = on_server()
    ws = build(tmp_path / "mine")
    assert on_server() - before and s3.keys()
    listed = [one.what for one in belongings(ws)]
    assert listed[0].endswith("B") and "files" in listed[0]
    assert [what.partition(",")[0] for what in listed[1:3]] == ["Blocks", "KV caches of whole cells"]
    assert listed[3:] == [
        "LanceDB flat index",
        "Redis FLAT index",
        "1 kept answers",
        "1 judgements of answers",
        listed[-1],
    ]
    assert listed[-1].endswith("counters")
    assert not any(one.stays for one in belongings(ws))
    delete_workspace(ws)
    assert (on_server() - before, s3.keys(), ws.path.exists()) == (set(), [], False)


def test_another_workspace_keeps_all_of_its_own(build, models, s3, tmp_path):
    mine, other = build(tmp_path / "mine"), build(tmp_path / "elsewhere" / "mine")
    kept = belongings(other)
    delete_workspace(mine)
    assert belongings(other) == kept
    assert opens(other, "redis-flat") and opens(other, "lancedb-flat")
    assert not [step for step in pipeline.cache(other, models, models.settings) if step.note.startswith("cell ")]


@pytest.mark.parametrize("store", ["redis-flat", "lancedb-flat"])
def test_a_copy_whose_index_is_deleted_or_built_anew_leaves_its_original(build, tmp_path, store):
    ws = build(tmp_path / "mine")
    copies = [Workspace(shutil.copytree(ws.path, tmp_path / name)) for name in ("first", "second")]
    assert opens(copies[0], store).stats() == opens(ws, store).stats()
    delete_index(copies[0], store)
    list(build_index(copies[1], store, force=True))
    assert opens(ws, store).stats().documents == opens(copies[1], store).stats().documents == 11
    delete_index(copies[1], store)
    assert opens(ws, store).stats().documents == 11
    delete_workspace(ws)


def test_a_deleted_copy_leaves_its_original(build, models, tmp_path):
    ws = build(tmp_path / "mine")
    copied = Workspace(shutil.copytree(ws.path, tmp_path / "copied"))
    assert [one.stays for one in belongings(copied)] == [False, True, True, True, True]
    kept = belongings(ws)
    delete_workspace(copied)
    assert belongings(ws) == kept
    assert opens(ws, "redis-flat") and opens(ws, "lancedb-flat")
    delete_workspace(ws)


def test_a_renamed_workspace_is_still_its_own(build, s3, tmp_path):
    ws = build(tmp_path / "mine")
    renamed = Workspace(ws.path.rename(tmp_path / "renamed"))
    assert not any(one.stays for one in belongings(renamed))
    delete_workspace(renamed)
    assert s3.keys() == []


def test_a_new_name_keeps_all_but_answers(build, tmp_path):
    ws = build(tmp_path / "mine")
    kept = {name: count for name, count in stored_counts(connection(), key_of(ws)).items() if name != "kept answers"}
    renamed = rename_workspace(ws, "yours")
    assert renamed.path == tmp_path / "yours" and not ws.path.exists()
    assert stored_counts(connection(), key_of(ws)) == {} and stored_counts(connection(), key_of(renamed)) == kept != {}
    assert opens(renamed, "redis-flat") and renamed.state("index").status == "ready"
    for name, why in (("yours", "already"), ("a/b", "no name"), (".x", "no name"), ("con", "no name")):
        with pytest.raises(TesseraError, match=why):
            rename_workspace(renamed, name)
    delete_workspace(renamed)


def test_one_that_is_being_built_is_refused(build, tmp_path):
    ws = build(tmp_path / "mine")
    with Workspace(ws.path).lock(), pytest.raises(WorkspaceBusy):
        delete_workspace(ws)
    delete_workspace(ws)


def test_storage_that_cannot_be_reached_keeps_the_folder(build, impatient, tmp_path, monkeypatch):
    ws = build(tmp_path / "mine")
    with monkeypatch.context() as gone:
        gone.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        with pytest.raises(TesseraError):
            delete_workspace(ws)
    assert ws.path.is_dir()
    delete_workspace(ws)


def test_what_never_left_its_folder_needs_no_server(models, tiny_corpus, tmp_path, monkeypatch):
    monkeypatch.setenv("TESSERA_REDIS_FOLDER", str(tmp_path / "redis"))
    models.settings = replace(models.settings, cache_url="")
    ws = Workspace(tmp_path / "plain")
    list(pipeline.prepare_corpus(ws, models, tiny_corpus))
    assert len(belongings(ws)) == 1
    delete_workspace(ws)
    assert not ws.path.exists() and not (tmp_path / "redis").exists()
