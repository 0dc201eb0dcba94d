from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from core.errors import ModelError
from core.models.probe import named, probe
from core.models.server import Server
from tests.chat_server import ChatServer, chat_server


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as found:
        yield found


def test_it_finds_models_context_round_trip_and_prefixes(server):
    found = probe(Server(server.url, "tiny"))
    assert (found.models, found.context) == (("tiny",), 512)
    assert found.round_trip_ms > 0 and found.reused_tokens > found.prompt_tokens // 2
    assert found.prefixes.startswith("kept:") and found.facts()["prefixes"] == found.prefixes


def test_who_does_not_say_is_judged_by_nobody_but_shown_with_its_first_tokens(server):
    server.reuses = False
    assert "not reported; first token" in probe(Server(server.url, "tiny")).prefixes


def test_a_single_model_needs_no_name_and_several_are_listed(server):
    assert named(server.url, "", 5, SecretStr("")).model == "tiny"
    server.models = ("small", "large")
    with pytest.raises(ModelError, match="small, large"):
        named(server.url, " ", 5, SecretStr(""))
    assert named(server.url, "large", 5, SecretStr("")).model == "large"


def test_a_wrong_key_is_a_sentence(server):
    server.replies = ["401"]
    with pytest.raises(ModelError, match="refused the key"):
        probe(Server(server.url, "tiny"))
