from dataclasses import replace

import pytest
import torch

from core import pipeline
from core.errors import ArtefactMissing, ArtefactStale
from core.kvcache.blocks import PassageBlocks, block_ids, build_blocks
from core.kvcache.build import build_cells
from core.kvcache.compose import head_layers, passage_block, read_as_blocks
from core.kvcache.store import CacheStore
from core.kvcache.variants import BLOCKS, variant_folder
from core.manifest import read_manifest, write_manifest
from core.methods.base import answer
from core.methods.cag import Cag
from core.methods.resources import Resources
from core.voronoi.partition import PartitionConfig
from tests.models import tiny_language_model

INPUTS = {"corpus": "c"}
QUESTION = "Who drew the maps of the library of Sarn?"


@pytest.fixture()
def passages(tiny_corpus):
    return list(tiny_corpus.passages)


@pytest.fixture()
def folder(tmp_path, tiny_lm, passages):
    list(build_blocks(tmp_path / "blocks", tiny_lm, passages, INPUTS))
    return tmp_path / "blocks"


def modified(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("cell-*")}


def opened(folder, lm, passages, budget=10**9):
    return PassageBlocks(CacheStore(folder, BLOCKS), lm, passages, budget)


def test_a_stored_block_is_what_is_computed_behind_the_head_bit_for_bit(folder, tiny_lm, passages):
    blocks, _ = opened(folder, tiny_lm, passages).load([7])
    fresh = passage_block(tiny_lm, head_layers(tiny_lm), tiny_lm.prompt.passage(passages[7]))
    for (keys, values), (other_keys, other_values) in zip(blocks[0], fresh, strict=True):
        assert torch.equal(keys, other_keys) and torch.equal(values, other_values)


def test_joined_blocks_answer_as_the_reader_is_trained(folder, tiny_lm, passages):
    store, rows = opened(folder, tiny_lm, passages), [9, 3, 6]
    session = store.join(rows, store.load(rows)[0])
    session.prefill(tiny_lm.prompt.tail(QUESTION))
    trained = read_as_blocks(tiny_lm, [tiny_lm.prompt.passage(passages[row]) for row in rows])
    trained.prefill(tiny_lm.prompt.tail(QUESTION))
    torch.testing.assert_close(session.logits, trained.logits, atol=1e-5, rtol=0)


def test_answering_changes_and_grows_nothing_that_is_kept(folder, tiny_lm, passages):
    store = opened(folder, tiny_lm, passages)
    blocks, _ = store.load([2, 5])
    before, held = [[part.clone() for pair in block for part in pair] for block in blocks], store.stats().bytes
    for _ in range(3):
        session = store.join([2, 5], blocks)
        session.prefill(tiny_lm.prompt.tail(QUESTION))
        list(session.decode(300, stop=False))
    after = [[part for pair in block for part in pair] for block in store.load([2, 5])[0]]
    assert all(
        torch.equal(a, b) for one, other in zip(before, after, strict=True) for a, b in zip(one, other, strict=True)
    )
    assert store.stats().bytes == held == sum(block[0][0].shape[2] for block in blocks) * tiny_lm.kv_bytes_per_token


def test_new_questions_over_and_over_stay_within_the_budget(folder, tiny_lm, passages):
    three = sum(entry.tokens for entry in CacheStore(folder, BLOCKS).index().cells.values()) * 3 // len(passages)
    store = opened(folder, tiny_lm, passages, three * tiny_lm.kv_bytes_per_token)
    for turn in range(200):
        store.load([turn * 7 % len(passages)])
    stats = store.stats()
    assert stats.bytes <= stats.budget and stats.hits + stats.misses == 200 and stats.evictions


def test_each_block_is_a_hit_or_was_read(folder, tiny_lm, passages):
    store = opened(folder, tiny_lm, passages)
    assert store.load([1, 0])[1] == [False, False]
    assert store.load([0, 4, 1])[1] == [True, False, True]


def test_a_changed_passage_is_refused(folder, tiny_lm, passages):
    changed = [replace(passages[0], text="Nobody built it."), *passages[1:]]
    store = opened(folder, tiny_lm, changed)
    with pytest.raises(ArtefactStale, match="the block of passage 0 cannot be used: its text has changed") as refusal:
        store.load([0])
    assert refusal.value.kinds == ("blocks",)
    assert store.load([1])


def test_blocks_of_another_model_are_refused(folder, passages):
    other = tiny_language_model(seed=1)
    with pytest.raises(ArtefactStale, match="another model"):
        opened(folder, other, passages).load([0])


def test_neither_kind_is_taken_for_the_other(folder, tmp_path, tiny_lm, passages):
    list(build_cells(tmp_path / "caches", tiny_lm, [[passage] for passage in passages], INPUTS))
    with pytest.raises(ArtefactStale, match="changed"):
        CacheStore(tmp_path / "caches").load(0, tiny_lm, block_ids(tiny_lm, passages[0]))
    with pytest.raises(ArtefactStale, match="changed"):
        CacheStore(folder).load(0, tiny_lm, tiny_lm.prompt.context(passages[:1]))


def test_only_a_passage_that_changed_is_computed_again(folder, tiny_lm, passages):
    before = modified(folder)
    list(build_blocks(folder, tiny_lm, passages, INPUTS))
    assert modified(folder) == before
    edited = [passages[4], replace(passages[1], text="The scribes have moved."), *passages[6:]]
    steps = list(build_blocks(folder, tiny_lm, edited, INPUTS))
    after = modified(folder)
    assert len(after) == len(edited) and len(before.items() & after.items()) == len(edited) - 1
    assert any(f"{len(edited) - 1} of {len(edited)} blocks kept" in step.note for step in steps)
    list(build_blocks(folder, tiny_lm, edited, INPUTS, force=True))
    assert not after.items() & modified(folder).items()


def test_a_cancelled_build_goes_on_where_it_stopped(tmp_path, tiny_lm, passages):
    work = build_blocks(tmp_path, tiny_lm, passages, INPUTS)
    for step in work:
        if step.note.startswith("block 4"):
            work.close()
    assert read_manifest(tmp_path) is None, "half a build must not pass for an artefact"
    first = modified(tmp_path)
    assert len(first) == 3
    steps = list(build_blocks(tmp_path, tiny_lm, passages, INPUTS))
    assert first.items() <= modified(tmp_path).items()
    assert steps[-1].done == steps[-1].total == read_manifest(tmp_path).params["tokens"]


def test_a_damaged_block_is_refused_and_built_again(folder, tiny_lm, passages):
    store = CacheStore(folder, BLOCKS)
    path = store.path(store.entry(1))
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArtefactStale, match="corrupt"):
        opened(folder, tiny_lm, passages).load([1])
    list(build_blocks(folder, tiny_lm, passages, INPUTS))
    assert opened(folder, tiny_lm, passages).load([1])


def test_eight_bits_take_a_quarter_of_the_disk_and_the_same_memory(folder, tmp_path, tiny_lm, passages):
    list(build_blocks(tmp_path / "int8", tiny_lm, passages, INPUTS, precision="int8"))
    exact, small = (opened(path, tiny_lm, passages) for path in (folder, tmp_path / "int8"))
    for (keys, _), (other, _) in zip(exact.load([3])[0][0], small.load([3])[0][0], strict=True):
        torch.testing.assert_close(keys, other, atol=0.02 * float(keys.abs().max()), rtol=0)
    sizes = [read_manifest(path).params["bytes"] for path in (folder, tmp_path / "int8")]
    assert sizes[1] < 0.6 * sizes[0] and exact.stats().bytes == small.stats().bytes


def ask(ws, models):
    return answer(Cag(Resources(ws, models, models.settings)), QUESTION)


def stored(s3):
    """Names of all objects in the bucket."""
    return s3.keys()


def computed(steps):
    return {step.note for step in steps if step.note.startswith("block ")}


def test_blocks_outlive_the_cells(ws, models):
    list(pipeline.blocks(ws, models, models.settings))
    list(pipeline.cluster(ws, models, models.settings, PartitionConfig(auto_k=False, k=4)))
    assert ws.state(BLOCKS).status == "ready"
    assert ask(ws, models).evidence


def test_what_an_older_version_stored_is_out_of_date_and_built_again(ws, models):
    list(pipeline.blocks(ws, models, models.settings))
    write_manifest(ws.require(BLOCKS), replace(ws.manifest(BLOCKS), format=1), "cell-*")
    assert (ws.state(BLOCKS).status, ws.state(BLOCKS).reason) == (
        "stale",
        "it was written by another version of Tessera",
    )
    with pytest.raises(ArtefactStale, match="another version") as refusal:
        ask(ws, models)
    assert refusal.value.kinds == (BLOCKS,)
    list(pipeline.blocks(ws, models, models.settings))
    assert ask(ws, models).evidence


def test_a_block_that_is_missing_names_what_to_build(folder, tiny_lm, passages):
    with pytest.raises(ArtefactMissing, match="Missing: the block of passage 99") as refusal:
        CacheStore(folder, BLOCKS).load(99, tiny_lm)
    assert refusal.value.kinds == (BLOCKS,)


class TestObjectStorage:
    def test_blocks_are_kept_there_beside_caches_and_answered_from(self, ws, models, s3, set_to, passages):
        list(pipeline.blocks(ws, models, models.settings))
        here = ask(ws, models)
        set_to(cache_url=f"{s3.url}/shared")
        list(pipeline.cache(ws, models, models.settings))
        assert not computed(pipeline.blocks(ws, models, models.settings)), "they are moved, not computed again"
        folder = variant_folder(ws, models.language_model(), "auto", BLOCKS)
        assert not list(folder.glob("cell-*"))
        files = [key for key in stored(s3) if key.startswith(f"shared/{folder.name}/cell-")]
        assert len(files) == len(passages) + 3, "blocks and caches lie side by side"
        there = ask(ws, models)
        assert (there.text, there.trace.cached_tokens) == (here.text, here.trace.cached_tokens)
        set_to(cache_url="")
        assert ask(ws, models).text == here.text, "the workspace remembers where they are"
        assert not computed(pipeline.blocks(ws, models, models.settings))
        assert len(list(folder.glob("cell-*"))) == len(passages)

    def test_an_unfinished_build_goes_on(self, ws, models, s3, set_to):
        set_to(cache_url=s3.url)
        work = pipeline.blocks(ws, models, models.settings)
        for step in work:
            if step.note == "block 2 of 11":
                work.close()
        assert sum(key.endswith(".safetensors") for key in stored(s3)) == 1
        assert len(computed(pipeline.blocks(ws, models, models.settings))) == 10
        assert ask(ws, models).text

    def test_a_damaged_object_is_refused(self, ws, models, s3, set_to):
        set_to(cache_url=s3.url)
        list(pipeline.blocks(ws, models, models.settings))
        client = s3.client()
        for key in stored(s3):
            if key.endswith(".safetensors"):
                content = bytearray(client.get_object(Bucket=s3.bucket, Key=key)["Body"].read())
                content[-100] ^= 1
                client.put_object(Bucket=s3.bucket, Key=key, Body=bytes(content))
        with pytest.raises(ArtefactStale, match="corrupt"):
            ask(ws, models)
        list(pipeline.blocks(ws, models, models.settings))
        assert ask(ws, models)
