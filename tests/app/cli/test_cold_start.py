"""What a command must not import: seconds and hundreds of MB for parts that it does not use."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.cli.priority import BUILD, BULK
from core import pipeline
from core.settings import Settings
from core.workspace import Workspace
from tests.models import TinyModels

ROOT = Path(__file__).resolve().parents[3]
RUN = """
import json, os, sys
sys.argv = ["app", *json.loads(sys.argv[1])]
from app.cli import main
try:
    main()
except SystemExit:
    pass
sys.stderr.write("\\n" + json.dumps([sorted(sys.modules), os.environ.get("GOMP_SPINCOUNT", ""), os.nice(0)]))
"""
HELP = """
import json, sys
from typer.main import get_command
from typer.testing import CliRunner
from app.cli import cli

def commands(command, path):
    yield path
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, [*path, name])

loaded, before = [], set()
for path in commands(get_command(cli), []):
    assert CliRunner().invoke(cli, [*path, "--help"]).exit_code == 0, path
    loaded.append((" ".join(path), sorted(set(sys.modules) - before)))
    before = set(sys.modules)
sys.stderr.write("\\n" + json.dumps(loaded))
"""
ENGINES = """
import json, pkgutil, sys
from core.methods.registry import METHODS
for spec in METHODS.values():
    pkgutil.resolve_name(spec.opens)
sys.stderr.write("\\n" + json.dumps([sorted(sys.modules)]))
"""
MODELS = {"torch", "transformers", "sklearn", "faiss"}
TRAINING = {"peft", "bitsandbytes", "datasets", "sentence_transformers", "umap", "streamlit", "gradio", "plotly"}
STORES = {"bm25s", "numba", "redisvl", "lancedb"}


def told(code: str, *arguments: str) -> list:
    process = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return json.loads(process.stderr.splitlines()[-1])


def test_the_help_of_no_command_loads_a_model_library():
    helps = {command: set(modules) for command, modules in told(HELP)}
    assert {"", "query", "eval", "bench cag", "redis status"} <= set(helps)
    assert {"typer", "core.settings"} <= helps[""] and "core.methods.registry" in helps["query"]
    libraries = {"numpy", *MODELS, *TRAINING, *STORES}
    assert not {command: found for command, modules in helps.items() if (found := libraries & modules)}


def test_status_loads_no_model_library(tmp_path, monkeypatch, tiny_lm, tiny_encoder, tiny_corpus):
    monkeypatch.setenv("TESSERA_WORKSPACES", str(tmp_path))
    models = TinyModels(Settings(workspaces=tmp_path), tiny_lm, tiny_encoder)
    ws = Workspace(tmp_path / "tiny")
    list(pipeline.prepare_corpus(ws, models, tiny_corpus))
    list(pipeline.blocks(ws, models, models.settings))
    modules, _, _ = told(RUN, json.dumps(["status", "-w", "tiny"]))
    assert "core.kvcache.store" in modules
    assert not {*MODELS, *TRAINING, *STORES} & set(modules)


def test_the_methods_load_no_trainer_and_no_store():
    modules = set(told(ENGINES)[0])
    assert {"torch", "transformers", "core.methods.memory"} <= modules
    assert not ({"faiss", *TRAINING, *STORES} & modules)


@pytest.mark.real
def test_a_question_loads_what_answers_it(tmp_path, monkeypatch):
    monkeypatch.setenv("TESSERA_WORKSPACES", str(tmp_path / "workspaces"))
    notes = tmp_path / "notes.md"
    notes.write_text("The mill at Orrin was built by Dana Pell. It grinds barley.\n", encoding="utf-8")
    assert CliRunner().invoke(cli, ["prepare", "--dataset", str(notes), "-w", "notes"]).exit_code == 0
    for method in ("rag", "closed-book"):
        asked = ["query", "-w", "notes", "--text", "Who built the mill?", "--method", method]
        modules = set(told(RUN, json.dumps(asked))[0])
        assert "torch" in modules
        assert not (TRAINING | STORES) & modules
        assert ("faiss" in modules) == (method == "rag")


def test_bulk_work_gives_way_before_torch_is_there():
    code = "import os; os.environ.pop('GOMP_SPINCOUNT', None)\n" + RUN
    modules, spins, nice = told(code, json.dumps(["train", "--help"]))
    assert spins == "1000" and nice == (os.nice(0) or 5) and "torch" not in modules  # a niceness that was given stands
    _, spins, nice = told(code, json.dumps(["query", "--help"]))
    assert spins == "" and nice == os.nice(0)


def test_bulk_commands_exist():
    names = {command.name for command in cli.registered_commands}
    assert {*names, BUILD} >= BULK  # what a job of the app runs is no command for people
