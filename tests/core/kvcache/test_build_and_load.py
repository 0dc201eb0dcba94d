import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from core.corpus.types import Passage
from core.errors import ArtefactMissing, ArtefactStale, TesseraError
from core.kvcache.build import build_cells
from core.kvcache.identity import file_name
from core.kvcache.store import CacheStore
from core.manifest import read_manifest
from core.workspace import Workspace
from tests.models import tiny_language_model

INPUTS = {"corpus": "c", "partition": "p"}


def build(folder, lm, cells, force=False):
    return list(build_cells(folder, lm, cells, INPUTS, force=force))


@pytest.fixture()
def cells(tiny_corpus):
    passages = tiny_corpus.passages
    return [list(passages[:4]), list(passages[4:8]), list(passages[8:])]


@pytest.fixture()
def folder(tmp_path, tiny_lm, cells):
    build(tmp_path / "caches", tiny_lm, cells)
    return tmp_path / "caches"


def modified(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("cell-*")}


def cell_path(folder, cell):
    store = CacheStore(folder)
    return store.path(store.entry(cell))


def test_a_cached_cell_answers_exactly_as_its_tokens_do(folder, tiny_lm, cells, tiny_corpus):
    store = CacheStore(folder)
    for cell, passages in enumerate(cells):
        for question in ("Who built the lighthouse of Velm?", "누가 지도를 그렸는가?"):
            tail = tiny_lm.prompt.tail(question)
            whole = tiny_lm.session()
            whole.prefill(tiny_lm.prompt.context(passages) + tail)
            cached = tiny_lm.session(store.load(cell, tiny_lm).cache())
            cached.prefill(tail)
            assert (whole.logits - cached.logits).abs().max() < 1e-4
            assert list(whole.decode(12)) == list(cached.decode(12))


def test_another_cells_cache_would_answer_differently(folder, tiny_lm):
    # Otherwise the exactness above would hold for any cache.
    tail = tiny_lm.prompt.tail("Who built the lighthouse of Velm?")
    logits = []
    for cell in (0, 1):
        session = tiny_lm.session(CacheStore(folder).load(cell, tiny_lm).cache())
        session.prefill(tail)
        logits.append(session.logits)
    assert (logits[0] - logits[1]).abs().max() > 1e-2


def test_stored_tensors_are_those_of_the_prefill_bit_for_bit(folder, tiny_lm, cells):
    session = tiny_lm.session()
    session.prefill(tiny_lm.prompt.context(cells[1]))
    loaded = CacheStore(folder).load(1, tiny_lm)
    for layer, (keys, values) in zip(session.cache.layers, loaded.layers, strict=True):
        assert torch.equal(layer.keys, keys)
        assert torch.equal(layer.values, values)
    assert loaded.tokens == session.length
    assert loaded.passage_ids == tuple(passage.id for passage in cells[1])
    assert loaded.bytes == session.length * tiny_lm.kv_bytes_per_token


def test_answering_leaves_the_loaded_tensors_as_they_were(folder, tiny_lm):
    loaded = CacheStore(folder).load(0, tiny_lm)
    before = [keys.clone() for keys, _ in loaded.layers]
    session = tiny_lm.session(loaded.cache())
    assert session.cache.layers[0].keys.data_ptr() == loaded.layers[0][0].data_ptr(), "a copy per question"
    session.prefill(tiny_lm.prompt.tail("Who?"))
    list(session.decode(5))
    assert session.length > loaded.tokens
    for keys, (now, _) in zip(before, loaded.layers, strict=True):
        assert torch.equal(keys, now)


def test_the_header_says_what_the_file_holds(folder, tiny_lm, cells):
    with safe_open(cell_path(folder, 0), "pt") as file:
        header = file.metadata()
    assert header["model"] == tiny_lm.identity.fingerprint
    assert header["prompt"] == tiny_lm.prompt.fingerprint
    assert header["dtype"] == "float32"
    assert "rope_theta" in json.loads(header["rope"])
    assert json.loads(header["passage_ids"]) == [passage.id for passage in cells[0]]
    assert int(header["tokens"]) == len(tiny_lm.prompt.context(cells[0]))


def test_states_give_tokens_passages_and_bytes_on_disk(folder, tiny_lm, cells):
    states = CacheStore(folder).states()
    assert [state.passages for state in states] == [4, 4, 3]
    assert [state.tokens for state in states] == [len(tiny_lm.prompt.context(cell)) for cell in cells]
    assert all(
        state.status == "ready" and state.bytes == cell_path(folder, state.cell).stat().st_size for state in states
    )


def test_a_finished_build_is_an_artefact_of_the_workspace(folder, tmp_path, tiny_lm):
    manifest = read_manifest(folder)
    assert manifest.kind == "caches"
    assert manifest.inputs == INPUTS
    assert manifest.params["cells"] == 3
    assert manifest.params["bytes"] == sum(path.stat().st_size for path in folder.glob("cell-*"))
    assert "cells.json" in manifest.files
    state = Workspace(tmp_path.parent).state_of(folder, "caches")
    assert state.status == "stale"  # its corpus and partition are not there


def test_a_second_build_keeps_everything_and_force_builds_all(folder, tiny_lm, cells):
    before = modified(folder)
    build(folder, tiny_lm, cells)
    assert modified(folder) == before
    build(folder, tiny_lm, cells, force=True)
    assert all(stamp > before[name] for name, stamp in modified(folder).items())


def test_only_what_changed_is_built_and_what_is_gone_is_removed(folder, tiny_lm, cells):
    before = modified(folder)
    edited = [*cells[1][:3], replace(cells[1][3], text="The scribes have moved to another town.")]
    steps = build(folder, tiny_lm, [cells[2], edited])  # cell 0 is gone, cell 2 has become cell 0
    after = modified(folder)
    assert len(after) == 2
    assert len(before.items() & after.items()) == 1
    store = CacheStore(folder)
    assert store.load(0, tiny_lm, tiny_lm.prompt.context(cells[2])).passage_ids == ("p8", "p9", "p10")
    assert store.load(1, tiny_lm, tiny_lm.prompt.context(edited)).tokens == store.entry(1).tokens
    with pytest.raises(ArtefactMissing):
        store.load(2, tiny_lm)
    assert any("1 of 2 cells kept" in step.note for step in steps)


def test_a_cancelled_build_goes_on_where_it_stopped(tmp_path, tiny_lm, cells):
    work = build_cells(tmp_path, tiny_lm, cells, INPUTS)
    for step in work:
        if "cell 2" in step.note:
            work.close()
    assert [state.status for state in CacheStore(tmp_path).states()] == ["ready", "missing", "missing"]
    assert read_manifest(tmp_path) is None, "half a build must not pass for an artefact"
    first = modified(tmp_path)
    build(tmp_path, tiny_lm, cells)
    assert first.items() <= modified(tmp_path).items()
    assert {state.status for state in CacheStore(tmp_path).states()} == {"ready"}


_KILLED = """
import os, signal, sys
from pathlib import Path
from core.corpus.types import Passage
from core.kvcache.build import build_cells
from tests.models import tiny_language_model
cells = [[Passage(f"p{i}", "Title", "The harbour bell rings at noon. " * (i + 1))] for i in range(4)]
for step in build_cells(Path(sys.argv[1]), tiny_language_model(), cells, {}):
    if "cell 3" in step.note:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_kill_minus_nine_loses_at_most_one_cell(tmp_path, tiny_lm):
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path)], cwd=root, check=False)
    assert done.returncode == -9
    (tmp_path / ".cell-half-written").write_bytes(b"torn")
    cells = [[Passage(f"p{i}", "Title", "The harbour bell rings at noon. " * (i + 1))] for i in range(4)]
    survivors = modified(tmp_path)
    assert len(survivors) == 2
    build(tmp_path, tiny_lm, cells)
    assert survivors.items() <= modified(tmp_path).items()
    assert not list(tmp_path.glob(".cell-*"))
    assert CacheStore(tmp_path).load(3, tiny_lm, tiny_lm.prompt.context(cells[3])).passage_ids == ("p3",)


def test_a_cache_of_another_model_is_refused(folder, cells):
    other = tiny_language_model(seed=1)
    with pytest.raises(ArtefactStale, match="another model") as refusal:
        CacheStore(folder).load(0, other)
    assert refusal.value.kinds == ("caches",)


def test_a_build_with_another_model_keeps_nothing(folder, cells):
    other = tiny_language_model(seed=1)
    build(folder, other, cells)
    session = other.session()
    session.prefill(other.prompt.context(cells[0]))
    assert torch.equal(CacheStore(folder).load(0, other).layers[1][0], session.cache.layers[1].keys)


def test_a_cancelled_rebuild_is_no_artefact_any_more(folder, tiny_lm, cells):
    work = build_cells(folder, tiny_lm, cells, INPUTS, force=True)
    for step in work:
        if "cell 2" in step.note:
            work.close()
    assert read_manifest(folder) is None


def test_a_cache_of_another_dtype_or_prompt_is_refused_by_name(folder):
    half = tiny_language_model()
    half.model.to(torch.bfloat16)
    with pytest.raises(ArtefactStale, match="holds float32, but the model runs in bfloat16"):
        CacheStore(folder).load(0, half)
    prompted = tiny_language_model()
    prompted.prompt.__dict__["fingerprint"] = "another"
    with pytest.raises(ArtefactStale, match="another prompt"):
        CacheStore(folder).load(0, prompted)


def test_other_rotary_parameters_are_refused(folder):
    turned = tiny_language_model()
    turned.model.config.rope_parameters = {**turned.model.config.rope_parameters, "rope_theta": 5.0}
    with pytest.raises(ArtefactStale, match="rotary"):
        CacheStore(folder).load(0, turned)


def test_stale_tokens_are_refused(folder, tiny_lm, cells):
    changed = [replace(cells[0][0], text="Nobody built it."), *cells[0][1:]]
    store = CacheStore(folder)
    assert store.load(0, tiny_lm, tiny_lm.prompt.context(cells[0]))
    with pytest.raises(ArtefactStale, match="changed"):
        store.load(0, tiny_lm, tiny_lm.prompt.context(changed))


@pytest.mark.parametrize("fresh", [True, False], ids=["new process", "verified before"])
def test_one_flipped_bit_is_found_and_the_remedy_works(folder, tiny_lm, cells, fresh):
    store = CacheStore(folder)
    if not fresh:
        store.load(0, tiny_lm)
    path = cell_path(folder, 0)
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    time.sleep(0.01)
    path.write_bytes(content)
    with pytest.raises(ArtefactStale, match="corrupt"):
        store.load(0, tiny_lm)
    build(folder, tiny_lm, cells)
    assert store.load(0, tiny_lm).tokens


def test_a_file_cut_short_is_refused_and_shown(folder, tiny_lm):
    path = cell_path(folder, 1)
    path.write_bytes(path.read_bytes()[:1000])
    store = CacheStore(folder)
    assert [state.status for state in store.states()] == ["ready", "damaged", "ready"]
    with pytest.raises(ArtefactStale, match="cut short"):
        store.load(1, tiny_lm)


def test_a_file_put_in_anothers_place_is_refused(folder, tiny_lm):
    # Even where the index was edited to match: the header still says which tokens it holds.
    store = CacheStore(folder)
    first, second = store.entry(0), store.entry(1)
    index = store.index()
    store.path(first).write_bytes(store.path(second).read_bytes())
    index.cells[0] = replace(first, bytes=second.bytes, sha256=second.sha256)
    store.write_index(index)
    with pytest.raises(ArtefactStale, match="does not hold the cell"):
        CacheStore(folder).load(0, tiny_lm)


def test_tensors_of_another_shape_are_refused(folder, tiny_lm):
    store = CacheStore(folder)
    path = store.path(store.entry(0))
    with safe_open(path, "pt") as file:
        header = file.metadata()
    tensors = {name: tensor for name, tensor in load_file(path).items() if not name.startswith("layer.1")}
    save_file(tensors, path, metadata=header)
    with pytest.raises(ArtefactStale):
        store.load(0, tiny_lm)


def test_a_damaged_index_is_refused_and_rebuilt(folder, tiny_lm, cells):
    (folder / "cells.json").write_text('{"format": 1, "cells": ')
    with pytest.raises(ArtefactStale, match="index"):
        CacheStore(folder).states()
    build(folder, tiny_lm, cells)
    assert CacheStore(folder).load(0, tiny_lm).tokens


def test_a_cell_longer_than_the_context_is_refused_before_anything_is_built(tmp_path, cells):
    short = tiny_language_model(context=64)
    with pytest.raises(TesseraError, match="Cell 0 has"):
        build(tmp_path, short, cells)
    assert not list(tmp_path.glob("cell-*"))


def test_a_full_disk_is_foreseen(tmp_path, tiny_lm, cells, monkeypatch):
    monkeypatch.setattr("core.kvcache.storage.shutil.disk_usage", lambda _: type("Disk", (), {"free": 1000}))
    with pytest.raises(TesseraError, match="free"):
        build(tmp_path, tiny_lm, cells)


def test_progress_counts_tokens_up_to_the_total(tmp_path, tiny_lm, cells):
    steps = build(tmp_path, tiny_lm, cells)
    total = sum(len(tiny_lm.prompt.context(cell)) for cell in cells)
    done = [step.done for step in steps]
    assert done == sorted(done)
    assert done[0] == 0
    assert steps[-1].done == steps[-1].total == total


def test_empty_store(tmp_path, tiny_lm):
    store = CacheStore(tmp_path / "nothing")
    assert store.states() == []
    with pytest.raises(ArtefactMissing):
        store.load(0, tiny_lm)


def test_names_depend_on_tokens_and_passages(folder):
    keys = {entry.key for entry in CacheStore(folder).index().cells.values()}
    assert {path.name for path in folder.glob("cell-*")} == {file_name(key) for key in keys}


def test_credentials_in_an_address_are_refused_and_not_repeated():
    with pytest.raises(TesseraError, match="holds credentials") as caught:
        CacheStore("s3://KEY:geheim@bucket/prefix")
    assert "geheim" not in str(caught.value)
