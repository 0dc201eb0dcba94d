"""Caches of several models and precisions beside each other, here and in object storage."""

import shutil
from dataclasses import replace

import pytest

from core import pipeline
from core.corpus.types import Corpus
from core.errors import ArtefactMissing, ArtefactStale, TesseraError
from core.kvcache.variants import delete_variant, list_variants, open_store, variant_folder
from core.methods.base import answer
from core.methods.cag_cell import CagCell
from core.methods.resources import Resources
from core.voronoi.partition import PartitionConfig, load_cells

QUESTION = "Who drew the maps of the library of Sarn?"


def build(ws, models, force=False, **chosen):
    return list(pipeline.cache(ws, models, replace(models.settings, **chosen), force))


def ask(ws, models, **chosen):
    return answer(CagCell(Resources(ws, models, replace(models.settings, **chosen))), QUESTION)


def stored(s3):
    """Names of all objects in the bucket."""
    return s3.keys()


def built_cells(steps):
    """Which cells a build prefilled, by their number among all."""
    return {step.note for step in steps if step.note.startswith("cell ")}


def test_switching_between_two_models_makes_neither_stale(ws, models):
    build(ws, models)
    with pytest.raises(ArtefactStale, match="another model"):
        ask(ws, models, reader=False)
    build(ws, models, reader=False)
    first, second = ask(ws, models), ask(ws, models, reader=False)
    assert first.trace.cached_tokens and second.trace.cached_tokens
    assert not built_cells(build(ws, models)), "nothing is built again"
    assert not built_cells(build(ws, models, reader=False))
    assert len(list_variants(ws, "caches")) == 2
    assert all(variant.reason == "" and variant.bytes for variant in list_variants(ws, "caches"))


def test_the_state_is_that_of_the_variant_asked_for(ws, models, plain_lm):
    build(ws, models)
    ours = {"model": models.language_model().identity.fingerprint}
    assert ws.state("caches").status == ws.state("caches", ours).status == "ready"
    other = ws.state("caches", {"model": plain_lm.identity.fingerprint})
    assert (other.status, other.reason) == ("stale", "it was built from another model")
    build(ws, models, reader=False)
    assert ws.require("caches", {"model": plain_lm.identity.fingerprint}).name.startswith("tiny-plain")
    assert ws.fingerprint("caches", ours) != ws.fingerprint("caches", {"model": plain_lm.identity.fingerprint})


def test_precisions_stand_beside_each_other(ws, models, set_to):
    build(ws, models)
    build(ws, models, cache_precision="int8")
    sizes = {variant.manifest.params["precision"]: variant.bytes for variant in list_variants(ws, "caches")}
    assert sizes["int8"] < 0.4 * sizes["float32"]
    set_to(cache_precision="int4")
    with pytest.raises(ArtefactStale, match="another precision"):
        ask(ws, models)
    set_to(cache_precision="int8")
    assert ask(ws, models).trace.cached_tokens


def test_another_partition_makes_all_variants_stale_until_each_is_built(ws, models):
    build(ws, models)
    build(ws, models, reader=False)
    list(pipeline.cluster(ws, models, models.settings, PartitionConfig(auto_k=False, k=4)))
    assert {variant.reason for variant in list_variants(ws, "caches")} == {"it was built from another partition"}
    with pytest.raises(ArtefactStale, match="another partition") as refusal:
        ask(ws, models)
    assert refusal.value.kinds == ("caches",)
    build(ws, models)
    assert ask(ws, models)
    with pytest.raises(ArtefactStale, match="another partition"):
        ask(ws, models, reader=False)


def test_a_variant_can_be_deleted_and_the_others_stay(ws, models, plain_lm):
    build(ws, models)
    build(ws, models, reader=False)
    doomed = variant_folder(ws, plain_lm, "auto", "caches")
    delete_variant(ws, doomed.name, "caches")
    assert not doomed.exists()
    assert ask(ws, models)
    with pytest.raises(ArtefactMissing, match="named"):
        delete_variant(ws, doomed.name, "caches")


def test_an_unfinished_variant_is_listed_and_goes_on(ws, models):
    work = pipeline.cache(ws, models, models.settings)
    for step in work:
        if "cell 2" in step.note:
            work.close()
    (variant,) = list_variants(ws, "caches")
    assert (variant.manifest, variant.reason) == (None, "it is not complete")
    assert variant.bytes
    assert ws.state("caches").status == "missing"
    assert built_cells(build(ws, models)) == {"cell 2 of 3", "cell 3 of 3"}


def changed(corpus, how):
    passages = list(corpus.passages)
    if how == "added":
        passages.append(replace(passages[-1], id="new", title="Orchard ladder", text="Pears need an orchard ladder."))
    elif how == "edited":
        passages[0] = replace(passages[0], text=f"{passages[0].text} It was painted red.")
    else:
        del passages[-1]
    return Corpus(corpus.name, tuple(passages), corpus.questions)


@pytest.mark.parametrize("how", ["added", "edited", "removed"])
def test_only_cells_that_changed_are_built_again(ws, models, tiny_corpus, how):
    build(ws, models)
    before = {tuple(p.id for p in cell): [p.text for p in cell] for cell in load_cells(ws)}
    list(pipeline.prepare_corpus(ws, models, changed(tiny_corpus, how)))
    list(pipeline.cluster(ws, models, models.settings, PartitionConfig(auto_k=False, k=3)))
    after = {tuple(p.id for p in cell): [p.text for p in cell] for cell in load_cells(ws)}
    new = [ids for ids, texts in after.items() if before.get(ids) != texts]
    assert 1 <= len(new) < 3, "the change must touch some cells and leave some"
    assert len(built_cells(build(ws, models))) == len(new)
    assert ask(ws, models)


def another(ws, models, corpus, tmp_path):
    """A workspace of the same name in another folder."""
    found = type(ws)(tmp_path / "elsewhere" / ws.name)
    list(pipeline.prepare_corpus(found, models, corpus))
    list(pipeline.cluster(found, models, models.settings, PartitionConfig(auto_k=False, k=3)))
    return found


class TestObjectStorage:
    @pytest.fixture
    def remote(self, s3, set_to):
        set_to(cache_url=f"{s3.url}/shared")
        return s3

    def test_a_build_writes_there_and_a_question_reads_from_there(self, ws, models, remote, set_to):
        build(ws, models)
        folder = variant_folder(ws, models.language_model(), "auto", "caches")
        assert {key.rpartition("/")[0] for key in stored(remote)} == {f"shared/{folder.name}"}
        assert sum(key.endswith(".json") for key in stored(remote)) == 1
        assert sum(key.endswith(".safetensors") for key in stored(remote)) == 3
        assert not list(folder.glob("cell-*"))
        there = ask(ws, models)
        assert there.trace.bytes_touched
        set_to(cache_url="")
        delete_variant(ws, folder.name, "caches")
        assert remote.keys() == []
        build(ws, models)
        assert ask(ws, models).text == there.text

    def test_an_unfinished_build_goes_on(self, ws, models, remote):
        work = pipeline.cache(ws, models, models.settings)
        for step in work:
            if "cell 2" in step.note:
                work.close()
        assert sum(key.endswith(".safetensors") for key in stored(remote)) == 1
        assert built_cells(build(ws, models)) == {"cell 2 of 3", "cell 3 of 3"}
        assert not built_cells(build(ws, models))

    def test_caches_move_there_without_being_built_again(self, ws, models, s3, set_to):
        build(ws, models)
        folder = variant_folder(ws, models.language_model(), "auto", "caches")
        set_to(cache_url=s3.url)
        assert not built_cells(build(ws, models))
        assert not list(folder.glob("cell-*"))
        assert ask(ws, models)
        set_to(cache_url="")
        assert ask(ws, models), "the workspace remembers where they are"
        assert not built_cells(build(ws, models))
        assert len(list(folder.glob("cell-*"))) == 3
        assert not s3.keys(), "nobody needs them there any more"

    def test_another_workspace_of_the_same_cells_needs_no_prefill(self, ws, models, remote, tiny_corpus, tmp_path):
        build(ws, models)
        elsewhere = another(ws, models, tiny_corpus, tmp_path)
        assert not built_cells(build(elsewhere, models))
        assert ask(elsewhere, models).text == ask(ws, models).text

    def test_workspaces_of_one_name_and_other_passages_keep_their_cells(
        self, ws, models, remote, tiny_corpus, tmp_path
    ):
        build(ws, models)
        before = remote.keys()
        other = another(ws, models, changed(tiny_corpus, "edited"), tmp_path)
        assert 1 <= len(built_cells(build(other, models))) < 3, "cells that both have are shared"
        assert set(before) <= set(remote.keys())
        assert ask(ws, models) and ask(other, models)
        assert not built_cells(build(ws, models))
        build(other, models, force=True)
        assert ask(ws, models)

    def test_one_that_is_deleted_leaves_what_another_needs(self, ws, models, remote, tiny_corpus, tmp_path):
        build(ws, models)
        other = another(ws, models, changed(tiny_corpus, "edited"), tmp_path)
        build(other, models)
        (variant,) = list_variants(ws, "caches")
        delete_variant(ws, variant.name, "caches")
        assert ask(other, models)
        assert sum(key.endswith(".safetensors") for key in stored(remote)) == 3
        delete_variant(other, variant.name, "caches")
        assert remote.keys() == []

    def test_a_copy_leaves_the_cells_of_its_original(self, ws, models, remote, tmp_path):
        build(ws, models)
        copies = [type(ws)(shutil.copytree(ws.path, tmp_path / name)) for name in ("first", "second")]
        assert ask(copies[0], models)
        delete_variant(copies[0], list_variants(ws, "caches")[0].name, "caches")
        assert not built_cells(build(copies[1], models))
        build(copies[1], models, force=True)
        delete_variant(copies[1], list_variants(ws, "caches")[0].name, "caches")
        assert ask(ws, models)
        delete_variant(ws, list_variants(ws, "caches")[0].name, "caches")
        assert remote.keys() == []

    def test_nothing_is_collected_where_an_index_cannot_be_read(self, ws, models, remote, tiny_corpus, tmp_path):
        build(ws, models)
        (damaged,) = [key for key in stored(remote) if key.endswith(".json")]
        content = remote.client().get_object(Bucket=remote.bucket, Key=damaged)["Body"].read()
        remote.client().put_object(Bucket=remote.bucket, Key=damaged, Body=content[:40])
        other = another(ws, models, changed(tiny_corpus, "edited"), tmp_path)
        build(other, models)
        delete_variant(other, list_variants(other, "caches")[0].name, "caches")
        remote.client().put_object(Bucket=remote.bucket, Key=damaged, Body=content)
        assert ask(ws, models)

    @pytest.mark.parametrize("damage", ["flipped", "cut short", "gone"])
    def test_a_damaged_object_is_refused(self, ws, models, remote, damage):
        build(ws, models)
        client = remote.client()
        for key in stored(remote):
            if key.endswith(".safetensors"):
                content = bytearray(client.get_object(Bucket=remote.bucket, Key=key)["Body"].read())
                content[-100] ^= 1
                if damage == "gone":
                    client.delete_object(Bucket=remote.bucket, Key=key)
                else:
                    body = bytes(content if damage == "flipped" else content[:-50])
                    client.put_object(Bucket=remote.bucket, Key=key, Body=body)
        with pytest.raises(ArtefactStale, match="corrupt" if damage == "flipped" else "missing or cut short"):
            ask(ws, models)
        build(ws, models)
        assert ask(ws, models)

    def test_a_bucket_that_is_not_there_is_a_sentence(self, ws, s3, impatient, models, set_to):
        set_to(cache_url="s3://no-such-bucket-anywhere/x")
        with pytest.raises(TesseraError, match="no-such-bucket-anywhere") as refusal:
            build(ws, models)
        assert "TESSERA_CACHE_URL" in refusal.value.remedy


def test_a_file_url_is_a_folder(ws, models, set_to, tmp_path):
    set_to(cache_url=f"file://{tmp_path}/elsewhere")
    build(ws, models)
    assert len(list((tmp_path / "elsewhere").glob("*/cell-*"))) == 3
    store = open_store(ws, models.language_model(), models.settings, "caches")
    assert store.folder.is_relative_to(tmp_path / "elsewhere")
    assert ask(ws, models)


def test_an_unknown_kind_of_storage_is_a_sentence(ws, models, set_to):
    set_to(cache_url="gopher://somewhere")
    with pytest.raises(TesseraError, match="gopher"):
        build(ws, models)
