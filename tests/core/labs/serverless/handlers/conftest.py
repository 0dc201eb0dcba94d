"""The functions on tiny models and a real LanceDB table, each as the process that runs it has them open."""

from __future__ import annotations

import json

import pytest

from core.labs.serverless.handlers import cache, generation, orchestrator, rerank, retrieval
from core.labs.serverless.table import PassageTable
from tests.models import tiny_sentence_encoder


class Lines(list):
    """The metric lines that were written."""

    def write(self, line):
        self.append(json.loads(line))


@pytest.fixture
def lines():
    return Lines()


@pytest.fixture(scope="session")
def index(tmp_path_factory, tiny_corpus, tiny_encoder):
    """Folder of a flat table over the tiny corpus; no function writes to it."""
    url = str(tmp_path_factory.mktemp("serverless") / "index")
    vectors = tiny_encoder.encode_passages([passage.text for passage in tiny_corpus.passages])
    PassageTable.create(url, "flat", tiny_corpus.passages, vectors).close()
    return url


@pytest.fixture(scope="session")
def bert(tmp_path_factory):
    return str(tiny_sentence_encoder(tmp_path_factory.mktemp("bert")))


@pytest.fixture
def functions(index, bert, lines, tiny_encoder, tiny_lm, monkeypatch, tmp_path):
    """Name to handler, on tiny models; the orchestrator calls the other two through a client that runs them."""
    for module in (retrieval, generation, orchestrator, rerank, cache):
        monkeypatch.setattr(module, "handler", type(module.handler)(lines.write))
    monkeypatch.setenv("TESSERA_INDEX_URL", index)
    monkeypatch.setenv("TESSERA_ENCODER", bert)
    monkeypatch.setenv("TESSERA_RESULTS_URL", str(tmp_path / "results"))
    monkeypatch.setattr(retrieval, "open_encoder", lambda settings: tiny_encoder)
    monkeypatch.setattr(generation, "open_reader", lambda settings: generation.LocalReader(tiny_lm, 6))
    modules = (retrieval, generation, rerank, cache)
    return {module.__name__.rpartition(".")[2]: module.handler for module in modules}
