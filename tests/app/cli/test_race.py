"""``race``: what a person may ask for, and what comes back."""

import json

import pytest
from typer.testing import CliRunner

import core.models.registry
from app.cli import cli
from core import pipeline
from core.settings import Settings
from core.workspace import Workspace
from tests.models import TinyModels

run = CliRunner().invoke


@pytest.fixture
def prepared(tmp_path, monkeypatch, tiny_lm, tiny_encoder, tiny_corpus):
    monkeypatch.setenv("TESSERA_WORKSPACES", str(tmp_path))
    monkeypatch.setenv("TESSERA_MAX_NEW_TOKENS", "8")
    monkeypatch.setattr(core.models.registry, "Models", lambda settings: TinyModels(settings, tiny_lm, tiny_encoder))
    ws = Workspace(tmp_path / "sample")
    assert list(pipeline.prepare_corpus(ws, TinyModels(Settings(), tiny_lm, tiny_encoder), tiny_corpus))
    return ws


def test_without_a_corpus_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("TESSERA_WORKSPACES", str(tmp_path))
    result = run(cli, ["race", "--json"])
    assert result.exit_code == 1 and "prepare" in json.loads(result.stdout)["remedy"]


def test_a_race_is_one_object(prepared):
    result = run(cli, ["race", "--change", "delete", "--id", "p5", "--methods", "rag,memory", "--n", "1", "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["change"]["kind"] == "delete" and found["change"]["passage"]["id"] == "p5"
    rag, memory = found["results"]
    assert rag["state"] == "known" and rag["known_ms"] > 0 and rag["regressions"]["n"] == 1
    assert memory["state"] == "refused" and "train" in memory["reason"]


def test_people_read_a_table(prepared):
    arguments = [
        "race",
        "--change",
        "edit",
        "--id",
        "p0",
        "--text",
        "Una Reed built it.",
        "--question",
        "Who built it?",
    ]
    result = run(cli, [*arguments, "--answer", "Una Reed", "--methods", "rag", "--n", "1"], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    assert "Standard RAG" in result.output and "embed" in result.output and "1 old question" in result.output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--change", "move"], "add, edit, delete"),
        (["--methods", "oracle"], "rag, cag, memory"),
        (["--unseen", "99"], "Choose 1 to"),
        (["--text", "A new text."], "--question"),
        (["--change", "edit"], "--id"),
        (["--change", "edit", "--id", "p99", "--text", "x"], "no passage 'p99'"),
        (["--change", "delete", "--id", "p1"], "question"),
        (["--split", "hard"], "hard"),
    ],
)
def test_what_a_person_gets_wrong_is_a_sentence(prepared, arguments, says):
    result = run(cli, ["race", *arguments], env={"COLUMNS": "300"})
    assert result.exit_code == 1 and says in result.output, result.output
