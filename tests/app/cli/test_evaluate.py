"""``eval`` from the command line to its JSON, on tiny models."""

import json

import pytest
from typer.testing import CliRunner

from app.cli import cli
from core import pipeline
from core.settings import Settings
from core.workspace import Workspace
from tests.models import TinyModels

run = CliRunner().invoke
ARMS = "closed-book,bm25,rag,oracle"


@pytest.fixture
def prepared(tmp_path, monkeypatch, tiny_lm, tiny_encoder, tiny_corpus):
    """The sample workspace with the tiny corpus, and the tiny models in place of the real ones."""
    monkeypatch.setenv("TESSERA_WORKSPACES", str(tmp_path / "workspaces"))
    monkeypatch.setenv("TESSERA_MAX_NEW_TOKENS", "8")
    models = TinyModels(Settings.from_environment(), tiny_lm, tiny_encoder)
    monkeypatch.setattr("core.models.registry.Models", lambda settings: models)
    ws = Workspace(tmp_path / "workspaces" / "sample")
    list(pipeline.prepare_corpus(ws, models, tiny_corpus))
    return ws


def questions_file(tmp_path, *lines):
    path = tmp_path / "mine.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_one_json_object_in_the_documented_shape(prepared):
    result = run(cli, ["eval", "--methods", ARMS, "--split", "train", "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["questions"] == 2 and list(found["methods"]) == ARMS.split(",")
    for scores in found["methods"].values():
        assert {"mean", "lo", "hi"} <= set(scores["em"]) and {"median", "p90"} <= set(scores["ttft_ms"])
        assert {"median", "p90"} <= set(scores["total_ms"])
    assert set(found["differences_to_rag"]) == set(ARMS.split(",")) - {"rag"}
    assert (prepared.path / "runs" / found["run"] / "answers.jsonl").is_file()
    again = json.loads(run(cli, ["eval", "--methods", ARMS, "--split", "train", "--json"]).stdout)
    assert again["methods"] == found["methods"]  # nothing was asked twice: the very clocks are the same


def test_a_table_for_people(prepared):
    result = run(cli, ["eval", "--methods", "rag", "--split", "dev", "--n", "1"], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    assert "recall@K" in result.output and "eval-" in result.output


def test_damaged_lines_are_counted_and_asked_again(prepared):
    command = ["eval", "--methods", "rag", "--split", "train"]
    folder = prepared.path / "runs" / json.loads(run(cli, [*command, "--json"]).stdout)["run"]
    lines = (folder / "answers.jsonl").read_bytes().splitlines()
    (folder / "answers.jsonl").write_bytes(b"\n".join([lines[0].replace(b"Who", b"Why"), *lines[1:], b""]))
    (prepared.path / "feedback.jsonl").write_text("{\n")
    assert "feedback.jsonl: 1 damaged" in run(cli, ["status"]).output
    counts = {"feedback.jsonl": 1, f"runs/{folder.name}/answers.jsonl": 1}
    assert json.loads(run(cli, ["status", "--json"]).stdout)["damaged_lines"] == counts
    found = json.loads(run(cli, [*command, "--json"]).stdout)
    assert found["damaged"] == 1 and found["methods"]["rag"]["total_ms"]["n"] == 2
    assert "1 kept lines are damaged" in run(cli, command, env={"COLUMNS": "200"}).output


def test_a_malformed_questions_file_is_refused_with_line_and_reason(prepared, tmp_path):
    good = json.dumps({"id": "a", "question": "Who?", "answers": ["x"], "passage_id": "p0"})
    path = questions_file(tmp_path, good, '{"id": "b", "answers": ["x"]}')
    result = run(cli, ["eval", "--questions", str(path), "--json"])
    failure = json.loads(result.stdout)
    assert result.exit_code == 1 and "line 2" in failure["error"] and "question" in failure["error"]


def test_what_is_missing_is_named_or_skipped(prepared):
    failure = json.loads(run(cli, ["eval", "--methods", "rag,cag,memory", "--json"]).stdout)
    assert "cag needs partition, blocks; memory needs memory" in failure["error"] and "app train" in failure["remedy"]
    result = run(cli, ["eval", "--methods", "rag,cag,memory", "--skip-missing", "--json"])
    found = json.loads(result.stdout)
    assert list(found["methods"]) == ["rag"] and set(found["skipped"]) == {"cag", "memory"}
