from dataclasses import replace

import pytest
import torch

from core import pipeline
from core.errors import ArtefactStale
from core.kvcache.blocks import block_ids, build_blocks, gather
from core.kvcache.build import build_caches
from core.kvcache.compose import head_layers, join, passage_block
from core.kvcache.resident import ResidentCaches
from core.kvcache.store import CacheStore
from core.kvcache.variants import variant_folder
from core.methods.base import answer
from core.methods.composed import Composed
from core.methods.resources import Resources
from core.workspace import read_manifest
from tests.models import tiny_language_model

INPUTS = {"corpus": "c", "partition": "p"}


@pytest.fixture()
def cells(tiny_corpus):
    passages = tiny_corpus.passages
    return [list(passages[:4]), list(passages[4:8]), list(passages[8:])]


@pytest.fixture()
def folder(tmp_path, tiny_lm, cells):
    list(build_blocks(tmp_path / "blocks", tiny_lm, cells, INPUTS))
    return tmp_path / "blocks"


def modified(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("cell-*")}


def opened(folder, lm):
    return ResidentCaches(CacheStore(folder), lm, 10**9)


def test_gathered_blocks_join_to_what_fresh_ones_do(folder, tiny_lm, cells):
    chosen = [(2, cells[2][1]), (0, cells[0][3]), (2, cells[2][0])]
    gathered = gather(opened(folder, tiny_lm), tiny_lm, dict(enumerate(cells)), chosen)
    head = head_layers(tiny_lm)
    fresh = [passage_block(tiny_lm, head, tiny_lm.prompt.passage(passage)) for _, passage in chosen]
    ours, theirs = join(tiny_lm, gathered.head, gathered.blocks), join(tiny_lm, head, fresh)
    for one, other in zip(ours.layers, theirs.layers, strict=True):
        torch.testing.assert_close(one.keys, other.keys, atol=1e-4, rtol=1e-4)
        assert torch.equal(one.values, other.values)


def test_each_cell_is_opened_once_and_counted(folder, tiny_lm, cells):
    caches = opened(folder, tiny_lm)
    chosen = [(1, cells[1][0]), (0, cells[0][0]), (1, cells[1][2])]
    first = gather(caches, tiny_lm, dict(enumerate(cells)), chosen)
    again = gather(caches, tiny_lm, dict(enumerate(cells)), chosen)
    assert (first.hits, first.misses) == ((), (1, 0))
    assert (again.hits, again.misses) == ((1, 0), ())


def test_a_changed_passage_is_refused(folder, tiny_lm, cells):
    changed = [replace(cells[0][0], text="Nobody built it."), *cells[0][1:]]
    with pytest.raises(ArtefactStale, match="changed"):
        gather(opened(folder, tiny_lm), tiny_lm, {0: changed}, [(0, changed[0])])


def test_blocks_of_another_model_are_refused(folder, cells):
    other = tiny_language_model(seed=1)
    with pytest.raises(ArtefactStale, match="another model"):
        gather(opened(folder, other), other, dict(enumerate(cells)), [(0, cells[0][0])])


def test_neither_kind_is_taken_for_the_other(folder, tmp_path, tiny_lm, cells):
    list(build_caches(tmp_path / "caches", tiny_lm, cells, INPUTS))
    with pytest.raises(ArtefactStale, match="changed"):
        CacheStore(tmp_path / "caches").load(0, tiny_lm, block_ids(tiny_lm, cells[0]))
    with pytest.raises(ArtefactStale, match="changed"):
        CacheStore(folder).load(0, tiny_lm, tiny_lm.prompt.context(cells[0]))


def test_a_second_build_keeps_what_holds(folder, tiny_lm, cells):
    before = modified(folder)
    list(build_blocks(folder, tiny_lm, cells, INPUTS))
    assert modified(folder) == before
    edited = [*cells[1][:3], replace(cells[1][3], text="The scribes have moved.")]
    list(build_blocks(folder, tiny_lm, [cells[2], edited], INPUTS))
    after = modified(folder)
    assert len(after) == 2 and len(before.items() & after.items()) == 1
    list(build_blocks(folder, tiny_lm, [cells[2], edited], INPUTS, force=True))
    assert not after.items() & modified(folder).items()


def test_a_cancelled_build_goes_on_where_it_stopped(tmp_path, tiny_lm, cells):
    work = build_blocks(tmp_path, tiny_lm, cells, INPUTS)
    for step in work:
        if "cell 2" in step.note:
            work.close()
    assert read_manifest(tmp_path) is None, "half a build must not pass for an artefact"
    first = modified(tmp_path)
    assert len(first) == 1
    steps = list(build_blocks(tmp_path, tiny_lm, cells, INPUTS))
    assert first.items() <= modified(tmp_path).items()
    assert steps[-1].done == steps[-1].total == read_manifest(tmp_path).params["tokens"]


def test_a_damaged_cell_is_refused_and_built_again(folder, tiny_lm, cells):
    store = CacheStore(folder)
    path = store.path(store.entry(1))
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArtefactStale, match="corrupt"):
        gather(opened(folder, tiny_lm), tiny_lm, dict(enumerate(cells)), [(1, cells[1][0])])
    list(build_blocks(folder, tiny_lm, cells, INPUTS))
    assert gather(opened(folder, tiny_lm), tiny_lm, dict(enumerate(cells)), [(1, cells[1][0])]).blocks


QUESTION = "Who drew the maps of the library of Sarn?"


def ask(ws, models):
    return answer(Composed(Resources(ws, models)), QUESTION)


def stored(s3):
    """Names of all objects in the bucket."""
    return s3.keys()


def computed(steps):
    return {step.note for step in steps if step.note.startswith("cell ")}


class TestObjectStorage:
    def test_blocks_are_kept_there_beside_caches_and_answered_from(self, ws, models, s3, set_to):
        list(pipeline.blocks(ws, models))
        here = ask(ws, models)
        set_to(cache_url=f"{s3.url}/shared")
        list(pipeline.cache(ws, models))
        assert not computed(pipeline.blocks(ws, models)), "finished blocks are moved, not computed again"
        name = variant_folder(ws, models.language_model(), "auto").name
        folder = ws.folder("blocks") / name
        assert not list(folder.glob("cell-*"))
        files = [key for key in stored(s3) if key.startswith(f"shared/tiny/blocks-{name}/cell-")]
        assert len(files) == 3 and len([key for key in stored(s3) if key.endswith(".safetensors")]) == 6
        there = ask(ws, models)
        assert (there.text, there.trace.cached_tokens) == (here.text, here.trace.cached_tokens)
        set_to(cache_url="")
        assert ask(ws, models).text == here.text, "the workspace remembers where they are"
        assert not computed(pipeline.blocks(ws, models))
        assert len(list(folder.glob("cell-*"))) == 3

    def test_an_unfinished_build_goes_on(self, ws, models, s3, set_to):
        set_to(cache_url=s3.url)
        work = pipeline.blocks(ws, models)
        for step in work:
            if step.note == "cell 2 of 3":
                work.close()
        assert sum(key.endswith(".safetensors") for key in stored(s3)) == 1
        assert computed(pipeline.blocks(ws, models)) == {"cell 2 of 3", "cell 3 of 3"}
        assert ask(ws, models).text

    def test_a_damaged_object_is_refused(self, ws, models, s3, set_to):
        set_to(cache_url=s3.url)
        list(pipeline.blocks(ws, models))
        client = s3.client()
        for key in stored(s3):
            if key.endswith(".safetensors"):
                content = bytearray(client.get_object(Bucket=s3.bucket, Key=key)["Body"].read())
                content[-100] ^= 1
                client.put_object(Bucket=s3.bucket, Key=key, Body=bytes(content))
        with pytest.raises(ArtefactStale, match="corrupt"):
            ask(ws, models)
        list(pipeline.blocks(ws, models))
        assert ask(ws, models)
