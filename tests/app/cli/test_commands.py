"""The command line: sentences and exit codes without a model, the whole path on the real default models."""

import json

import pytest
from typer.testing import CliRunner

from app.cli import cli
from core.workspace import KINDS
from tests.models import TinyModels

run = CliRunner().invoke


@pytest.fixture(autouse=True)
def workspaces(tmp_path, monkeypatch):
    monkeypatch.setenv("TESSERA_WORKSPACES", str(tmp_path / "workspaces"))


def one_object(result):
    return json.loads(result.stdout)


def test_help_names_every_command():
    text = run(cli, ["--help"]).output
    for command in ("prepare", "index", "cluster", "cache", "train", "adapt", "query", "status", "eval", "verify"):
        assert command in text
    for command in cli.registered_commands:
        assert str(command.name) in text


def test_status_of_an_empty_workspace_says_what_to_do():
    result = run(cli, ["status"])
    assert result.exit_code == 0
    assert "missing" in result.output and "prepare" in result.output
    kinds = [artefact["kind"] for artefact in one_object(run(cli, ["status", "--json"]))["artefacts"]]
    assert kinds == list(KINDS)


def test_status_names_further_indexes_that_are_there(tmp_path):
    (tmp_path / "workspaces" / "sample" / "index-bm25").mkdir(parents=True)
    result = run(cli, ["status", "--json"])
    assert [artefact["kind"] for artefact in one_object(result)["artefacts"]] == [*KINDS, "index-bm25"]
    assert "--store bm25" in run(cli, ["status"], env={"COLUMNS": "200"}).output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["query", "--text", "  "], "empty"),
        (["query", "--text", "x", "--method", ","], "rag"),
        (["cluster", "--k", "3"], "--no-auto-k"),
        (["cluster", "--no-auto-k"], "--k"),
        (["cluster"], "prepare"),
        (["status", "--workspace", "a\0b"], "letters"),
        (["prepare", "--dataset", "no/such/file.txt"], "no such file"),
        (["adapt"], "--text"),
        (["eval"], "prepare"),
        (["eval", "--methods", "ragg"], "closed-book"),
        (["index", "--store", "chroma"], "lancedb-flat"),
        (["index", "--store", "bm25"], "prepare"),
        (["bench", "stores"], "prepare"),
        (["eval-memory"], "prepare"),
        (["ablate"], "prepare"),
        (["ablate", "--what", "hat"], "rank"),
        (["train", "--preset", "hat"], "laptop"),
        (["calibrate"], "train"),
        (["forget", "geo-01"], "train"),
        (["edit", "geo-01"], "--text"),
        (["edit", "geo-01", "--text", "New words."], "train"),
        (["verify"], "prepare"),
        (["cache", "--blocks"], "prepare"),
        (["link", "--text", " "], "empty"),
        (["link", "--text", "x", "--tokens", "7,many"], "many"),
        (["bench", "cag"], "prepare"),
        (["judge"], "eval"),
    ],
)
def test_what_a_person_gets_wrong_is_a_sentence_and_exit_code_1(arguments, says):
    plain = run(cli, arguments)
    assert plain.exit_code == 1, plain.output
    assert says in plain.output + plain.stderr
    result = run(cli, [*arguments, "--json"])
    assert result.exit_code == 1
    failure = one_object(result)
    assert set(failure) == {"error", "remedy"} and says in f"{failure['error']} {failure['remedy']}"


def test_an_unknown_option_is_exit_code_2():
    assert run(cli, ["query", "--colour", "red"]).exit_code == 2


def test_prepare_lists_the_files_it_left_out(tmp_path, monkeypatch, tiny_lm, tiny_encoder):
    monkeypatch.setattr("core.models.bundle.Models", lambda settings: TinyModels(settings, tiny_lm, tiny_encoder))
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "bell.txt").write_text("The bell of Velm rings at noon.", encoding="utf-8")
    (folder / "rows.csv").write_bytes(b"title,text\nB,ca\x00ht\n")
    arguments = ["prepare", "--dataset", str(folder), "--workspace", "mine"]
    plain = run(cli, arguments)
    assert plain.exit_code == 0, plain.output
    assert "Left out: rows.csv, line 2" in plain.stderr
    (refused,) = one_object(run(cli, [*arguments, "--json"]))["left_out"]
    assert refused["name"] == "rows.csv" and "NUL" in refused["error"]


@pytest.mark.real
def test_from_a_file_to_an_answer(tmp_path):
    notes = tmp_path / "notes.md"
    notes.write_text(
        "# The mill\n\nThe mill at Orrin was built by Dana Pell. It grinds barley.\n\n"
        "# The bridge\n\nThe bridge at Orrin is 90 metres long and made of oak.\n\n"
        "# The inn\n\nThe inn at Orrin is called the Blue Hen and serves eel pie.\n",
        encoding="utf-8",
    )
    prepared = one_object(run(cli, ["prepare", "--dataset", str(notes), "--workspace", "notes", "--json"]))
    assert prepared["passages"] >= 3
    clustered = one_object(run(cli, ["cluster", "--no-auto-k", "--k", "2", "-w", "notes", "--json"]))
    assert clustered["cells"] == 2
    cached = one_object(run(cli, ["cache", "-w", "notes", "--json"]))
    assert cached["cells"] == 2 and cached["bytes"] > cached["tokens"]
    verified = one_object(run(cli, ["verify", "-w", "notes", "--cells", "1", "--json"]))
    assert verified["exact"] and len(verified["checks"]) >= 6
    question = "Who built the mill at Orrin?"
    report = one_object(run(cli, ["query", "-w", "notes", "--text", question, "--method", "rag,cag", "--json"]))
    assert {"question", "model", "encoder", "device", "dtype", "answers"} <= set(report)
    assert report["question"] == question
    for answered, method in zip(report["answers"], ("rag", "cag"), strict=True):
        assert answered["method"] == method and "Dana Pell" in answered["answer"]
        assert set(answered["evidence"][0]) == {"passage_id", "title", "text", "score"}
        trace = answered["trace"]
        assert 0 < trace["ttft_ms"] <= trace["total_ms"]
        assert {"name", "ms"} <= set(trace["spans"][0])
    assert report["answers"][1]["trace"]["cached_tokens"] > 0 == report["answers"][0]["trace"]["cached_tokens"]
    missing = run(cli, ["query", "-w", "notes", "--text", question, "--method", "memory", "--json"])
    assert missing.exit_code == 1 and "train" in one_object(missing)["remedy"]
