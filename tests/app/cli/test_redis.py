"""search, hybrid, ask and redis: sentences without a model, and the guide's whole path on the real default models."""

import json

import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.cli.search import parse_filters
from core.errors import TesseraError
from tests.app.cli.test_commands import notes_about_orrin

NEAR = "Can you tell me who built the mill at Orrin?"

run = CliRunner().invoke


@pytest.fixture(autouse=True)
def workspaces(tmp_path, monkeypatch):
    monkeypatch.setenv("TESSERA_WORKSPACES", str(tmp_path / "workspaces"))


def one_object(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["search", "--text", " "], "--text"),
        (["search", "--text", "x", "--store", "sqlite"], "redis-flat"),
        (["search", "--text", "x"], "prepare"),
        (["search", "--text", "x", "--k", "0"], "0 hits"),
        (["search", "--text", "x", "--filter", "colour=blue"], "colour"),
        (["search", "--text", "x", "--filter", "topic"], "no filter"),
        (["hybrid", "--text", "x"], "prepare"),
        (["hybrid", "--text", "x", "--require", "some"], "any, every"),
        (["ask", "--text", ""], "empty"),
    ],
)
def test_what_a_person_gets_wrong_is_a_sentence(arguments, says):
    result = run(cli, [*arguments, "--json"])
    assert result.exit_code == 1, result.output
    failure = json.loads(result.stdout)
    assert set(failure) == {"error", "remedy"} and says in f"{failure['error']} {failure['remedy']}"


def test_filters_are_pairs():
    assert parse_filters(["topic=a=b", "title="]) == {"topic": "a=b", "title": ""}
    with pytest.raises(TesseraError, match="two filters"):
        parse_filters(["topic=a", "topic=b"])


def test_status_of_the_embedded_server():
    facts = one_object(run(cli, ["redis", "status", "--json"]))
    assert facts["embedded"] and facts["version"] == "8.2.3" and facts["search"] == "2.10.5"
    assert facts["persistence"].endswith("synced: always")
    assert "8.2.3" in run(cli, ["redis", "status"]).output


def test_counters_and_cache_of_a_workspace_that_was_never_asked():
    assert one_object(run(cli, ["redis", "metrics", "--json"]))["queries"] == 0
    assert one_object(run(cli, ["redis", "flush-cache", "--json"]))["forgotten"] == 0


def test_a_refusing_server_is_a_sentence(monkeypatch):
    monkeypatch.setenv("REDIS_URL", "redis://:secret@127.0.0.1:1/0")
    result = run(cli, ["redis", "status", "--json"])
    failure = json.loads(result.stdout)
    assert result.exit_code == 1 and "127.0.0.1:1" in failure["error"] and "REDIS_URL" in failure["remedy"]
    assert "secret" not in result.stdout


@pytest.mark.real
def test_the_guide_from_a_file_to_a_cached_answer(tmp_path):
    one_object(run(cli, ["prepare", "--dataset", notes_about_orrin(tmp_path), "-w", "notes", "--json"]))
    assert one_object(run(cli, ["index", "--store", "redis-flat", "-w", "notes", "--json"]))["store"] == "redis-flat"
    question = "Who built the mill at Orrin?"
    for command in ("search", "hybrid"):
        found = one_object(run(cli, [command, "--text", question, "-w", "notes", "--json"]))
        assert "Dana Pell" in found["hits"][0]["text"]
    for words, count in (("any", 3), ("every", 1)):
        command = ["hybrid", "--text", "the mill at Orrin", "--require", words, "-w", "notes", "--json"]
        hits = one_object(run(cli, command))["hits"]
        assert len(hits) == count and "Dana Pell" in hits[0]["text"]
    first, again = (one_object(run(cli, ["ask", "-t", question, "-w", "notes", "--json"])) for _ in range(2))
    asked, hit = first["answers"][0], again["answers"][0]
    assert asked["details"]["cache"] == "miss" and "Dana Pell" in asked["answer"]
    assert hit["details"]["cache"] == "exact" and hit["answer"] == asked["answer"]
    assert hit["trace"]["total_ms"] + hit["details"]["saved_ms"] == pytest.approx(asked["trace"]["total_ms"])
    near = one_object(run(cli, ["ask", "-t", NEAR, "--distance", "0.3", "-w", "notes", "--json"]))["answers"][0]
    assert near["details"]["cache"] == "semantic" and near["answer"] == asked["answer"]
    counted = one_object(run(cli, ["redis", "metrics", "-w", "notes", "--json"]))
    assert counted["queries"] == 3 and counted["outcomes"] == {"exact": 1, "semantic": 1, "miss": 1, "bypass": 0}
    assert one_object(run(cli, ["redis", "flush-cache", "-w", "notes", "--json"]))["forgotten"] == 1
