"""``engine`` against a server on this machine, and ``plan`` before anything was measured."""

import json
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from app.cli import cli
from tests.chat_server import KEY, ChatServer, chat_server

run = CliRunner().invoke


@pytest.fixture
def server(monkeypatch, tmp_path) -> Iterator[ChatServer]:
    monkeypatch.setenv("TESSERA_WORKSPACES", str(tmp_path / "workspaces"))
    with chat_server() as found:
        monkeypatch.setenv("TESSERA_ENGINE_KEY", KEY)
        yield found


def test_it_says_what_the_server_of_the_environment_is(server, monkeypatch):
    monkeypatch.setenv("TESSERA_ENGINE_URL", server.url)
    done = run(cli, ["engine", "--json"])
    found = json.loads(done.stdout)
    assert done.exit_code == 0 and (found["server"], found["context"]) == ("tiny at 127.0.0.1", 512)
    assert found["reused_tokens"] > 0 and found["round_trip_ms"] > 0
    assert server.requests[0]["key"] == f"Bearer {KEY}" and KEY not in done.output
    assert "tiny at 127.0.0.1" in run(cli, ["engine"]).output


def test_the_key_goes_to_no_other_address_and_a_refusal_is_a_sentence(server):
    server.replies = ["404"]
    done = run(cli, ["engine", "--url", server.url, "--model", "tiny", "--json"])
    assert done.exit_code == 1 and "no model 'tiny'" in json.loads(done.stdout)["error"]
    assert {sent["key"] for sent in server.requests} == {"Bearer none"}


def test_a_plan_before_anything_is_built_says_what_to_do(server):
    done = run(cli, ["plan", "--passages", "1e9", "--json"])
    assert done.exit_code == 1 and "prepare" in json.loads(done.stdout)["remedy"]
