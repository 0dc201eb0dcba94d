"""The methods on a real llama.cpp server, with the tiny model: what it reuses, how it stops, what it refuses."""

from __future__ import annotations

import json
import shutil
import time
import urllib.request
from dataclasses import replace
from itertools import islice

import pytest
from pydantic import SecretStr

from core import pipeline
from core.errors import ModelError
from core.methods.base import Text, answer
from core.methods.registry import open_method
from core.methods.resources import Resources
from core.models.probe import probe
from core.models.prompt import passage_text
from core.models.server import Server
from core.workspace import Workspace
from tests.llama_server import llama_params, llama_server
from tests.tiny_gguf import write_gguf

pytestmark = pytest.mark.real
KEY = "sk-very-secret"
CONTEXT = 2048
LIGHTHOUSE = "Who built the lighthouse of Velm?"


@pytest.fixture(scope="module")
def address(tiny_lm, tmp_path_factory):
    """Where the server listens; it asks for a key."""
    params = llama_params(write_gguf(tiny_lm, tmp_path_factory.mktemp("gguf") / "tiny.gguf"), CONTEXT, KEY)
    params.ctx_shift = params.sampling.ignore_eos = True  # an answer ends when it is long enough, and never by itself
    with llama_server(params) as address:
        yield address


@pytest.fixture
def resources(built, models, address, tmp_path) -> Resources:
    shutil.copytree(built.path, tmp_path / "tiny")
    settings = replace(models.settings, engine_url=address, engine_model="tiny", engine_key=SecretStr(KEY))
    return Resources(Workspace(tmp_path / "tiny"), models, settings)


def asked(address: str, path: str, body: dict | None = None) -> object:
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    data = json.dumps(body).encode() if body else None
    with urllib.request.urlopen(urllib.request.Request(address.removesuffix("/v1") + path, data, headers)) as response:
        return json.loads(response.read())


def test_behind_a_warmed_cell_the_server_reuses_at_least_the_cell(resources, address):
    *_, last = pipeline.warm(resources.workspace, resources.settings)
    assert last.data["cells"] == 3 and last.data["reused"] is not None
    method = open_method("cag", resources)
    for question in (
        "Who built the lighthouse of Velm?",
        "Who drew the library maps?",
        "Who planted the pear orchard?",
    ):
        result = answer(method, question)
        cell = [resources.corpus.passages[row] for row in method._cells.members[result.details["cell"]]]
        text = "Passages:\n\n" + "".join(map(passage_text, cell))
        tokens = asked(address, "/tokenize", {"content": text})["tokens"]
        assert result.trace.cached_tokens >= len(tokens) - 1, question  # the last one may join what follows it
        assert result.trace.prompt_tokens < len(tokens)


def test_a_stream_that_is_closed_stops_the_server(resources, address):
    hours = 10**8
    method = open_method("rag", replace(resources, settings=replace(resources.settings, max_new_tokens=hours)))
    stream = method.stream(LIGHTHOUSE)
    assert list(islice((event for event in stream if isinstance(event, Text)), 1))
    assert asked(address, "/slots")[0]["is_processing"]
    stream.close()
    ends = time.monotonic() + 60
    while asked(address, "/slots")[0]["is_processing"]:
        assert time.monotonic() < ends, "the server goes on for nobody"
        time.sleep(0.05)


def test_what_it_is_found_to_be(address):
    found = probe(Server(address, "tiny", key=SecretStr(KEY)))
    assert found.context == CONTEXT and found.prefixes.startswith("kept:")


def test_a_prompt_beyond_its_context_and_a_wrong_key_are_sentences(resources):
    with pytest.raises(ModelError, match="too long"):
        answer(open_method("rag", resources), "Who? " * CONTEXT)
    wrong = replace(resources, settings=replace(resources.settings, engine_key=SecretStr("sk-wrong")))
    with pytest.raises(ModelError, match="refused the key") as refused:
        answer(open_method("closed-book", wrong), "Who?")
    assert "sk-wrong" not in str(refused.value)
