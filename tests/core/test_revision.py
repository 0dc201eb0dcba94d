"""Documents go in and out of a workspace in which everything is built: every artefact follows, and undo brings back."""

from dataclasses import replace

import pytest

from core import pipeline
from core.corpus.documents import documents, others, put, without
from core.corpus.importing import Importer
from core.corpus.originals import original
from core.corpus.store import load
from core.corpus.types import Source
from core.errors import ArtefactMissing, CorpusError, TesseraError
from core.kvcache.location import store_of
from core.kvcache.variants import BLOCKS, WHOLE_CELLS
from core.memory.adaptation import document_z
from core.methods.answer_cache import AnswerCache, scope_of
from core.methods.base import answer
from core.methods.registry import METHODS, open_method
from core.methods.resources import Resources
from core.removal import rename_workspace
from core.revision import can_undo, revise, undo
from core.settings import Settings
from core.stores.index import build_index
from core.stores.redis.answer_keys import entries, key_of
from core.stores.redis.connection import connection
from core.voronoi.partition import Partition, PartitionConfig
from core.workspace import Workspace
from tests.core.methods.conftest import TINY_MEMORY
from tests.models import TinyModels

QUESTION = "Who planted the pear orchard?"
KEPT = ("corpus", "embeddings", "index", "index-bm25", "partition", "projection", "caches", "blocks", "memory")


@pytest.fixture(scope="module")
def corpus(tiny_corpus):
    """The tiny corpus, its topics as files."""
    passages = [replace(p, source=Source(f"{p.topic}.md", p.title, 1, 2)) for p in tiny_corpus.passages]
    return replace(tiny_corpus, passages=tuple(passages))


@pytest.fixture(scope="module")
def models(tiny_lm, tiny_encoder, tmp_path_factory):
    settings = Settings(workspaces=tmp_path_factory.mktemp("workspaces"), max_new_tokens=8, top_k=2)
    return TinyModels(settings, tiny_lm, tiny_encoder)


@pytest.fixture
def ws(models, corpus, tmp_path):
    ws = Workspace(tmp_path / "own")
    for work in (
        pipeline.prepare_corpus(ws, models, corpus),
        build_index(ws, "bm25"),
        pipeline.cluster(ws, models, models.settings, PartitionConfig(auto_k=False, k=3, cell_tokens=4000)),
        pipeline.cache(ws, models, models.settings),
        pipeline.blocks(ws, models, models.settings),
        pipeline.train(ws, models, TINY_MEMORY),
    ):
        assert list(work)
    return ws


def held(ws):
    return ws.read("corpus", load)


def evidence(ws, models, question=QUESTION):
    """What every method answers from; the controls that are told the right passages are told those there are."""
    asked = replace(held(ws).questions["train"][0], text=question)
    resources = Resources(ws, models, models.settings, (asked,))
    return {name: answer(open_method(name, resources), question).evidence for name in METHODS}


def cells(ws, kind):
    (folder,) = ws.variants(kind)
    return store_of(folder).index().cells.values()


def built(ws, models):
    """What is learned and computed of every document: its z, whether it was learned later, and its blocks."""
    memory = pipeline.open_memory(ws, models)
    z = {name: memory.pool.z[memory.pool.row(name)].tolist() for name in memory.pool.ids}
    return z, set(memory.card.learned), {entry.passage_ids: entry.sha256 for entry in cells(ws, BLOCKS)}


def read(models, name, text, existing):
    importer = Importer(models.prompt().count, existing)
    importer.add(name, text.encode())
    return importer.report()


def test_a_document_that_is_gone_answers_nowhere(ws, models, corpus, tiny_encoder):
    gone = {passage.id for passage in corpus.passages if passage.topic == "orchard"}
    assert gone & {piece.passage_id for found in evidence(ws, models).values() for piece in found}
    cache = AnswerCache(connection(), key_of(ws), scope_of({}), tiny_encoder)
    cache.keep(QUESTION, tiny_encoder.encode_query(QUESTION), "Tess Quill", (), 1.0)
    blocks = {entry.passage_ids: entry.sha256 for entry in cells(ws, BLOCKS)}

    list(revise(ws, models, models.settings, without(corpus, ["orchard.md"])))

    assert [document.file for document in documents(held(ws))] == ["harbour.md", "library.md"]
    assert {kind: ws.state(kind).status for kind in KEPT} == dict.fromkeys(KEPT, "ready")
    for name, found in evidence(ws, models).items():
        assert not gone & {piece.passage_id for piece in found}, name
    for kind in (BLOCKS, WHOLE_CELLS):
        assert not gone & {name for entry in cells(ws, kind) for name in entry.passage_ids}
        assert len(list(ws.variants(kind)[0].glob("cell-*.safetensors"))) == len(cells(ws, kind))
    assert {entry.passage_ids: entry.sha256 for entry in cells(ws, BLOCKS)}.items() <= blocks.items()
    assert not gone & set(pipeline.open_memory(ws, models).pool.ids)
    assert "orchard" not in str(ws.manifest("partition").params["labels"])
    assert QUESTION not in [question.text for group in held(ws).questions.values() for question in group]
    assert list(entries(connection(), key_of(ws))) == []


def test_undo_brings_all_of_it_back_and_undone_again_takes_it_away(ws, models, corpus):
    assert not can_undo(ws)
    with pytest.raises(ArtefactMissing):
        list(undo(ws, models, models.settings))
    before, cut = evidence(ws, models)["rag"], ws.read("partition", Partition.load)
    list(revise(ws, models, models.settings, without(corpus, ["orchard.md", "library.md"])))
    assert ws.read("partition", Partition.load).k < cut.k, "cells that are empty go"
    list(undo(ws, models, models.settings))
    assert held(ws) == corpus
    assert evidence(ws, models)["rag"] == before
    again = ws.read("partition", Partition.load)
    assert again.assignment.tolist() == cut.assignment.tolist() and again.k == cut.k
    assert {kind: ws.state(kind).status for kind in KEPT} == dict.fromkeys(KEPT, "ready")
    list(undo(ws, models, models.settings))
    assert held(ws) == without(corpus, ["orchard.md", "library.md"])


def test_undo_gives_documents_what_was_learned_and_computed_of_them_under_another_name_too(ws, models, corpus):
    before = built(ws, models)
    report = read(models, "library.md", "# Library\n\nVera Moss leads the library.\n", others(corpus, ["library.md"]))
    for change in (without(corpus, ["orchard.md"]), put(corpus, report)):
        list(revise(ws, models, models.settings, change))
        assert built(ws, models) != before
        ws = rename_workspace(ws, f"{ws.name}-again")
        list(undo(ws, models, models.settings))
        assert built(ws, models) == before


def test_undo_gives_no_z_to_a_memory_that_was_trained_anew(ws, models, corpus):
    gone = next(passage for passage in corpus.passages if passage.topic == "orchard")
    list(revise(ws, models, models.settings, without(corpus, ["orchard.md"])))
    list(pipeline.train(ws, models, replace(TINY_MEMORY, seed=1)))
    list(undo(ws, models, models.settings))
    memory = pipeline.open_memory(ws, models)
    assert memory.pool.z[memory.pool.row(gone.id)].equal(document_z(memory, gone))
    assert gone.id in memory.card.learned


def test_the_file_of_a_document_goes_with_the_chance_to_undo(ws, models, corpus):
    content = b"# Mill of Brae\n\nRosa Venn owns the windmill of Brae.\n"
    after = put(corpus, read(models, "mill.md", content.decode(), corpus.passages))
    source = after.passages[-1].source
    list(revise(ws, models, models.settings, after, [("mill.md", content)]))
    assert original(ws, source).read_bytes() == content
    list(revise(ws, models, models.settings, without(after, ["mill.md"])))
    assert original(ws, source)
    list(revise(ws, models, models.settings, without(after, ["mill.md", "orchard.md"])))
    assert original(ws, source) is None


def test_a_new_document_is_known_to_all_and_nothing_else_is_embedded(ws, models, corpus):
    report = read(models, "mill.md", "# Mill of Brae\n\nRosa Venn owns the windmill of Brae.\n", corpus.passages)
    centroids = ws.read("partition", Partition.load).centroids
    steps = list(revise(ws, models, models.settings, put(corpus, report)))
    assert next(step for step in steps if step.stage == "Embedding passages").total == 1
    assert ws.read("partition", Partition.load).centroids.tolist() == centroids.tolist()
    for name in ("rag", "cag", "bm25", "redis-rag", "rag_blocks"):
        assert "mill-0001" in [piece.passage_id for piece in evidence(ws, models, "Who owns the windmill?")[name]], name
    assert "mill-0001" in pipeline.open_memory(ws, models).pool.ids


def test_a_document_of_the_same_name_takes_the_place_of_the_old_one(ws, models, corpus):
    report = read(models, "library.md", "# Library\n\nVera Moss leads the library.\n", others(corpus, ["library.md"]))
    after = put(corpus, report)
    list(revise(ws, models, models.settings, after))
    assert [document.file for document in documents(held(ws))] == ["harbour.md", "library.md", "orchard.md"]
    assert [p.text for p in held(ws).passages if p.source.file == "library.md"] == ["Vera Moss leads the library."]
    assert set(pipeline.open_memory(ws, models).pool.ids) == {passage.id for passage in after.passages}


def test_what_was_never_built_is_not_built(models, corpus, tmp_path):
    ws = Workspace(tmp_path / "bare")
    list(pipeline.prepare_corpus(ws, models, corpus))
    list(revise(ws, models, models.settings, without(corpus, ["orchard.md"])))
    built = {kind for kind in KEPT if ws.state(kind).status != "missing"}
    assert built == {"corpus", "embeddings", "index"}


def test_the_last_document_stays_and_an_unknown_one_is_named(ws, models, corpus):
    with pytest.raises(CorpusError, match="no document"):
        without(corpus, ["typo.md"])
    nothing = without(corpus, [document.file for document in documents(corpus)])
    with pytest.raises(TesseraError, match="No passage would be left"):
        list(revise(ws, models, models.settings, nothing))
    assert held(ws) == corpus and not can_undo(ws)
