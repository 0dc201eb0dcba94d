"""Several indexes in one workspace: built from the same passages, each with its own manifest."""

import errno
from dataclasses import replace

import pytest

from core import pipeline
from core.artefacts import index_kind
from core.errors import ArtefactMissing, ArtefactStale, TesseraError
from core.methods.base import answer
from core.methods.rag import Rag
from core.methods.resources import Resources
from core.settings import Settings
from core.stores.base import SearchRequest
from core.stores.index import build_index, delete_index
from core.stores.registry import STORES
from core.workspace import Workspace
from tests.disk import files_of_at_most
from tests.models import TinyModels


@pytest.fixture
def models(tiny_lm, tiny_encoder, tmp_path):
    return TinyModels(Settings(workspaces=tmp_path, max_new_tokens=4, top_k=2, score_cutoff=0), tiny_lm, tiny_encoder)


@pytest.fixture
def ws(models, tiny_corpus, tmp_path):
    ws = Workspace(tmp_path / "tiny")
    drain(pipeline.prepare_corpus(ws, models, tiny_corpus))
    return ws


def drain(work):
    return list(work)


def choosing(ws, models, store):
    """Resources with another store in the settings."""
    return Resources(ws, models, replace(models.settings, store=store))


@pytest.mark.parametrize("store", list(STORES))
def test_rag_searches_the_store_that_was_chosen(store, ws, models):
    drain(build_index(ws, store))
    said = answer(Rag(choosing(ws, models, store)), "Who built the lighthouse of Velm?")
    assert said.details["store"] == store
    assert said.evidence[0].passage_id == "p0"
    assert ("encode" in {span.name for span in said.trace.spans}) == ("vector" in STORES[store].searches)


def test_an_index_that_is_there_is_built_again_only_when_forced(ws):
    assert drain(build_index(ws, "bm25"))[-1].note != "it is there already"
    made = ws.manifest(index_kind("bm25"))
    assert made.params["store"] == "bm25" and made.params["bytes"] > 0 and "BM25" in made.params["backend"]
    assert drain(build_index(ws, "bm25"))[-1].note == "it is there already"
    assert ws.manifest(index_kind("bm25")) == made
    drain(build_index(ws, "bm25", force=True))
    assert ws.manifest(index_kind("bm25")).created != made.created


def test_an_index_of_other_passages_is_stale(ws, models, tiny_corpus):
    drain(build_index(ws, "lancedb-flat"))
    drain(pipeline.prepare_corpus(ws, models, replace(tiny_corpus, passages=tiny_corpus.passages[:5], questions={})))
    assert ws.state("index").status == "ready"
    with pytest.raises(ArtefactStale, match="First index the passages"):
        Rag(choosing(ws, models, "lancedb-flat"))
    drain(build_index(ws, "lancedb-flat"))
    assert ws.state(index_kind("lancedb-flat")).status == "ready"


def test_an_index_that_was_never_built_says_how_to_build_it(ws, models):
    with pytest.raises(ArtefactMissing, match="First index the passages"):
        Rag(choosing(ws, models, "faiss-ivf"))
    with pytest.raises(TesseraError, match="no store 'chroma'"):
        Rag(choosing(ws, models, "chroma"))


def test_deleting_one_index_leaves_the_others(ws):
    drain(build_index(ws, "bm25"))
    delete_index(ws, "bm25")
    assert ws.state(index_kind("bm25")).status == "missing"
    assert ws.state("index").status == "ready"
    with pytest.raises(ArtefactMissing):
        delete_index(ws, "bm25")


def test_a_table_in_object_storage_goes_with_its_index(ws, s3, monkeypatch, tiny_encoder):
    monkeypatch.setenv("TESSERA_LANCEDB_URL", s3.url)
    drain(build_index(ws, "lancedb-flat"))
    first = s3.keys()
    drain(build_index(ws, "lancedb-flat", force=True))
    assert s3.keys() and not set(first) & set(s3.keys())
    store = STORES["lancedb-flat"].open(ws.require(index_kind("lancedb-flat")))
    assert store.search(SearchRequest(k=1, vector=tiny_encoder.encode_query("library maps")))[0].passage_id == "p5"
    delete_index(ws, "lancedb-flat")
    assert s3.keys() == []


def test_a_rebuild_that_fails_keeps_the_old_table_and_leaves_no_other(ws, s3, monkeypatch):
    monkeypatch.setenv("TESSERA_LANCEDB_URL", s3.url)
    drain(build_index(ws, "lancedb-flat"))
    first = s3.keys()
    monkeypatch.setattr("core.workspace.write_manifest", failing)
    with pytest.raises(TesseraError, match="No space left"):
        drain(build_index(ws, "lancedb-flat", force=True))
    assert s3.keys() == first
    assert STORES["lancedb-flat"].open(ws.require(index_kind("lancedb-flat"))).stats().documents == 11


def failing(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("store", list(STORES))
def test_a_full_disk_is_a_sentence_and_leaves_the_old_index(store, ws):
    drain(build_index(ws, store))
    made = ws.manifest(index_kind(store))
    with files_of_at_most(64), pytest.raises(TesseraError, match="cannot be written"):
        drain(build_index(ws, store, force=True))
    assert ws.manifest(index_kind(store)) == made
    assert ws.state(index_kind(store)).status == "ready"
    assert [path.name for path in ws.path.iterdir() if path.name.startswith(".index")] == []


def test_a_cancelled_build_leaves_what_was_there(ws):
    drain(build_index(ws, "bm25"))
    made = ws.manifest(index_kind("bm25"))
    work = build_index(ws, "bm25", force=True)
    next(work)
    work.close()
    assert ws.manifest(index_kind("bm25")) == made
    assert ws.state(index_kind("bm25")).status == "ready"
