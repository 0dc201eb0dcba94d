"""One flipped bit in any file of any artefact: whoever reads it refuses, or says what was said before."""

from __future__ import annotations

import random
import shutil

import pytest

from core import pipeline
from core.artefacts import ARTEFACTS, INDEX_PREFIX
from core.corpus.store import load
from core.errors import TesseraError
from core.evaluation.feedback import Feedback, FileFeedback
from core.evaluation.runs import FORMAT, read_run, write_run
from core.kvcache.store import INDEX, CacheStore
from core.kvcache.variants import BLOCKS, WHOLE_CELLS, open_store
from core.memory.presets import load_preset
from core.methods import registry
from core.methods.base import answer
from core.methods.resources import Resources
from core.models.embeddings import load_vectors
from core.settings import Settings
from core.stores.base import SearchRequest
from core.stores.registry import STORES
from core.voronoi.projection import Projection
from core.workspace import TRAINING, Workspace
from tests.encoder import TinyEncoder
from tests.models import TinyModels, tiny_language_model
from tests.torture.workshop import NAME, snapshot

FLIPS = 6
"""Of each kind of file."""
ASKED = ("How many people live in Brannoch?", "Who built the mill at Orrin?")
METHODS = ("rag", "cag", "rag_blocks", "cag_cell", "bm25", "memory")
WHOLE = ("corpus", "embeddings", "index", "index-bm25", "index-faiss-ivf", "partition", "projection", "blocks",
         "caches", "memory")  # fmt: skip
ON_A_SERVER = {"prefixes"}
"""What a server keeps: here is its manifest alone, whose damage ``tests/core/test_workspace.py`` holds."""


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    settings = Settings(workspaces=tmp_path_factory.mktemp("flips"), max_new_tokens=8, reader=False)
    return TinyModels(settings, tiny_language_model(), TinyEncoder())


@pytest.fixture(scope="module")
def ws(built, models):
    """Everything that the commands have built."""
    done = built["prepare"].workspaces.parents[1] / "done" / "workspaces" / NAME
    return Workspace(shutil.copytree(done, models.settings.workspaces / NAME))


def said(ws, models, kind):
    """What readers of an artefact make of it: the methods that read it, and whoever else opens it."""
    found = [_opened(ws, models, kind)]
    for name in METHODS:
        if kind in registry.METHODS[name].builds:
            method = registry.open_method(name, Resources(ws, models, models.settings))
            for question in ASKED:
                told = answer(method, question)
                found.append((name, told.text, [(piece.passage_id, piece.text) for piece in told.evidence]))
    return found


def _opened(ws, models, kind):
    if kind == "corpus":
        return ws.read("corpus", load)
    if kind == "embeddings":
        return load_vectors(ws).tobytes()
    if kind == "projection":
        return repr(ws.read("projection", Projection.load))
    if kind.startswith("index"):
        spec = STORES[kind.removeprefix(INDEX_PREFIX) if kind != "index" else "faiss-flat"]
        index = ws.read(kind, spec.open)
        return [
            index.search(SearchRequest(k=5, text=text, vector=models.encoder().encode_query(text))) for text in ASKED
        ]
    if kind in (BLOCKS, WHOLE_CELLS):
        lm = models.language_model()
        store = open_store(ws, lm, models.settings, kind)
        return [[part.numpy().tobytes() for pair in store.load(cell, lm).layers for part in pair] for cell in range(6)]
    return ws.require(kind)


def kinds_of_files(folder):
    """Files of an artefact by what they are: of cells, which are many and alike, those of the first index entries."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    named = {entry.name for path in files if path.name == INDEX for entry in read_cells(path.parent)[:3]}
    return [path for path in files if not path.name.startswith("cell-") or path.name in named]


def read_cells(folder):
    return list(CacheStore(folder, folder.parent.name).index().cells.values())


def flip(path, draw):
    content = bytearray(path.read_bytes())
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)


@pytest.mark.parametrize("kind", WHOLE)
def test_a_flipped_bit_is_refused_or_changes_nothing(kind, ws, models, figures):
    draw, before = random.Random(kind), said(ws, models, kind)
    for path in kinds_of_files(ws.folder(kind)):
        original, refused = path.read_bytes(), 0
        for _ in range(FLIPS):
            flip(path, draw)
            try:
                assert said(ws, models, kind) == before, path
            except TesseraError as error:
                assert error.remedy or error.kinds
                refused += 1
            path.write_bytes(original)
        figures["flips"].append((path.relative_to(ws.path), FLIPS, refused, FLIPS - refused))
    assert said(ws, models, kind) == before


def test_every_kind_that_is_built_was_damaged(ws):
    assert {path.name for path in ws.path.iterdir() if path.is_dir()} == set(WHOLE) and set(
        ARTEFACTS
    ) - ON_A_SERVER <= set(WHOLE)


def test_a_damaged_checkpoint_is_refused_or_the_one_before_goes_on_to_the_same_memory(built, models, figures, tmp_path):
    stage, draw = built["train"], random.Random("checkpoint")
    preset = load_preset(stage.arguments[stage.arguments.index("--preset") + 1])
    begun = Workspace(stage.copy(tmp_path / "begun") / NAME)
    work = pipeline.train(begun, models, preset.config)
    while (begun.path / TRAINING / "checkpoint-earlier.safetensors").exists() is False:
        next(work)
    work.close()
    refused = 0
    for number in range(FLIPS):
        ws = Workspace(shutil.copytree(begun.path, tmp_path / f"{number}"))
        flip(ws.path / TRAINING / "checkpoint.safetensors", draw)
        try:
            list(pipeline.train(ws, models, preset.config))
            assert snapshot(ws.path) == stage.after
        except TesseraError:
            refused += 1
    figures["flips"].append(("training/checkpoint.safetensors", FLIPS, refused, FLIPS - refused))


def test_a_damaged_log_or_run_loses_lines_and_never_changes_one(tmp_path, figures):
    draw, log = random.Random("log"), FileFeedback(tmp_path)
    for number in range(5):
        log.add(Feedback(f"question {number}", "rag", "an answer", 1, asked=str(number)))
    path, whole = tmp_path / "feedback.jsonl", log.all().feedback
    write_run(tmp_path, {"format": FORMAT, "questions": {"n": 5}, "wanted": ["rag"]})
    run, original, lost = read_run(tmp_path), path.read_bytes(), 0
    for _ in range(20):
        flip(path, draw)
        kept = log.all()
        assert all(entry in whole for entry in kept.feedback) and len(kept.feedback) >= 3
        assert kept.damaged or kept.feedback == whole
        lost += kept.damaged > 0
        path.write_bytes(original)
    figures["flips"].append((path.name, 20, lost, 20 - lost))
    path, refused = tmp_path / "run.json", 0
    original = path.read_bytes()
    for _ in range(20):
        flip(path, draw)
        try:
            assert run.items() <= read_run(tmp_path).items()  # a bit in the name of the checksum adds a field
        except TesseraError:
            refused += 1
        path.write_bytes(original)
    figures["flips"].append((path.name, 20, refused, 20 - refused))
