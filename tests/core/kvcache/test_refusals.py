"""A cache that is corrupt, stale or foreign is never answered from: the method itself refuses, with the remedy."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from core import pipeline
from core.corpus.types import Corpus, Passage
from core.errors import ArtefactStale
from core.kvcache.build import build_cells
from core.kvcache.store import CacheStore
from core.kvcache.variants import list_variants
from core.methods.base import answer
from core.methods.cag_cell import CagCell
from core.methods.resources import Resources
from core.models.language_model import LanguageModel
from core.voronoi.partition import PartitionConfig
from tests.models import tiny_language_model

QUESTION = "Who drew the maps of the library of Sarn?"


def ask(ws, models):
    return answer(CagCell(Resources(ws, models, models.settings)), QUESTION)


@pytest.fixture
def built(ws, models):
    list(pipeline.cache(ws, models, models.settings))
    assert ask(ws, models).trace.cached_tokens
    return ws


def refused(ws, models, reason):
    with pytest.raises(ArtefactStale, match=reason) as refusal:
        ask(ws, models)
    assert refusal.value.kinds
    return refusal.value


def cell_files(ws):
    return sorted(ws.folder("caches").glob("*/cell-*"))


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("place", [-1, 9, 3], ids=["in the numbers", "in the header", "in the header's length"])
def test_one_flipped_bit_is_refused(built, models, place):
    for path in cell_files(built):
        flip(path, place)
    refused(built, models, "corrupt")


def test_a_file_cut_short_is_refused(built, models):
    for path in cell_files(built):
        path.write_bytes(path.read_bytes()[:-1])
    refused(built, models, "cut short")


def test_a_cell_damaged_between_two_questions_is_refused_once_it_is_read_again(built, models):
    cag = CagCell(Resources(built, models, models.settings))
    answer(cag, QUESTION)
    for path in cell_files(built):
        flip(path, -1)
    cag._caches._resident.clear()
    with pytest.raises(ArtefactStale, match="corrupt"):
        answer(cag, QUESTION)


def test_a_damaged_index_is_refused(built, models):
    (list_variants(built, "caches")[0].folder / "cells.json").write_text('{"format": 1,')
    refused(built, models, "index|cells.json")


def test_caches_of_passages_that_have_changed_are_stale(built, models, tiny_corpus):
    passages = (replace(tiny_corpus.passages[0], text="Nobody knows."), *tiny_corpus.passages[1:])
    list(pipeline.prepare_corpus(built, models, Corpus("tiny", passages, tiny_corpus.questions)))
    refused(built, models, "another corpus")


def test_caches_of_another_partition_are_stale(built, models):
    list(pipeline.cluster(built, models, models.settings, PartitionConfig(auto_k=False, k=4)))
    refused(built, models, "another partition")


def test_caches_copied_from_another_workspace_are_foreign(built, models):
    # The index and the files agree with each other, and the manifest was edited to fit: the tokens do not.
    other = [[Passage(f"x{cell}", "Elsewhere", f"Another text, number {cell}.")] for cell in range(3)]
    folder = list_variants(built, "caches")[0].folder
    manifest = built.manifest("caches")
    list(build_cells(folder, models.language_model(), other, manifest.inputs))
    refused(built, models, "changed")


def with_model(models, change):
    foreign = tiny_language_model()
    change(foreign)
    models._lm = foreign
    return models


def other_weights(lm):
    lm.identity = replace(lm.identity, weights="other")


def other_adapter(lm):
    lm.identity = replace(lm.identity, adapter="other")


def other_prompt(lm):
    lm.identity = replace(lm.identity, prompt="other")


def other_tokenizer(lm):
    lm.identity = replace(lm.identity, tokenizer="other")


@pytest.mark.parametrize("change", [other_weights, other_adapter, other_prompt, other_tokenizer])
def test_a_cache_of_another_model_is_foreign(built, models, change):
    refused(built, with_model(models, change), "another model")


def test_a_cache_of_another_number_format_is_refused(built, models):
    def to_bfloat16(lm: LanguageModel) -> None:
        lm.model.to(torch.bfloat16)

    refused(built, with_model(models, to_bfloat16), "another precision|float32")


def test_a_cache_of_other_rotary_positions_is_refused(built, models):
    def turn(lm: LanguageModel) -> None:
        lm.model.config.rope_parameters = {**lm.model.config.rope_parameters, "rope_theta": 5.0}

    refused(built, with_model(models, turn), "rotary")


_KILLED = """
import os, signal, sys
from core.corpus.types import Passage
from core.kvcache.build import build_cells
from pathlib import Path
from tests.models import tiny_language_model
cells = [[Passage(f"p{i}", "Title", "The harbour bell rings at noon. " * (i + 1))] for i in range(4)]
for step in build_cells(Path(sys.argv[1]), tiny_language_model(), cells, {}, location=sys.argv[2]):
    if "cell 3" in step.note:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_kill_minus_nine_loses_at_most_one_cell_in_object_storage_too(s3, tiny_lm, tmp_path):
    root = Path(__file__).resolve().parents[3]
    location = f"{s3.url}/killed"
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(tmp_path), location],
        cwd=root,
        env={**os.environ, **s3.env},
        check=False,
        timeout=120,
    )
    assert done.returncode == -signal.SIGKILL
    cells = [[Passage(f"p{i}", "Title", "The harbour bell rings at noon. " * (i + 1))] for i in range(4)]
    store = CacheStore(location)
    assert [state.status for state in store.states()] == ["ready", "ready", "missing", "missing"]
    assert store.load(1, tiny_lm, tiny_lm.prompt.context(cells[1])).passage_ids == ("p1",)
    steps = list(build_cells(tmp_path, tiny_lm, cells, {}, location=location))
    assert {step.note for step in steps if step.note.startswith("cell ")} == {"cell 3 of 4", "cell 4 of 4"}
    assert {state.status for state in CacheStore(location).states()} == {"ready"}
