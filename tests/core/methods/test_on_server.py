"""Every method where the language model runs on a server: who answers there, who is refused, and what CAG becomes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import pytest

from core import pipeline
from core.artefacts import artefact
from core.errors import TesseraError
from core.evaluation.variants import missing_artefacts, parse_variants, storage_of
from core.methods.base import answer, two_models
from core.methods.comparison import measured_on
from core.methods.prompt_view import text_sent
from core.methods.registry import METHODS, evaluated_methods, offered_methods, open_method
from core.methods.resources import Resources
from core.models.prompt import passage_text
from core.settings import MEMORY_ORDERS
from core.workspace import Workspace
from tests.chat_server import ChatServer, chat_server

QUESTION = "Who built the lighthouse of Velm?"
REFUSED = [name for name, spec in METHODS.items() if spec.model_bound and spec.served is None]
ANSWERING = [name for name in METHODS if name not in REFUSED]


@pytest.fixture(scope="module")
def server() -> Iterator[ChatServer]:
    with chat_server() as found:
        yield found


@pytest.fixture
def resources(built, models, server) -> Resources:
    server.requests.clear()
    settings = replace(models.settings, engine_url=server.url, engine_model="tiny")
    return Resources(built, models, settings)


def sent(server: ChatServer) -> str:
    return server.requests[-1]["messages"][1]["content"]


@pytest.mark.parametrize("name", ANSWERING)
def test_it_answers_there_and_reports_what_its_spec_says(name, resources, server):
    spec = METHODS[name].on(resources.settings)
    result = answer(open_method(name, resources), QUESTION)
    assert (result.method, result.text) == (name, "Oren Pask")
    assert set(result.details) <= set(spec.facts)
    assert QUESTION in sent(server) and all(piece.text in sent(server) for piece in result.evidence)
    assert text_sent(result) == sent(server)
    assert result.trace.cached_tokens is not None


@pytest.mark.parametrize("name", REFUSED)
def test_who_joins_stored_keys_and_values_is_refused_with_a_remedy(name, resources):
    with pytest.raises(TesseraError, match="no server takes") as refused:
        open_method(name, resources)
    assert refused.value.remedy


def test_who_is_refused_is_not_offered(resources):
    assert {"rag_blocks", "memory_blocks"} == set(REFUSED)
    assert list(offered_methods(resources.settings)) == ANSWERING
    here = replace(resources.settings, engine_url="")
    assert offered_methods(here) == tuple(METHODS)
    assert set(evaluated_methods(here)) - set(evaluated_methods(resources.settings)) == set(REFUSED)


def test_nothing_that_belongs_to_the_model_here_is_asked_for(resources):
    kinds = {kind for name in ANSWERING for kind in METHODS[name].on(resources.settings).needs}
    assert not [kind for kind in kinds if artefact(kind).varied]
    assert missing_artefacts(resources, parse_variants("rag,cag,cag_cell,memory")) == {}


@pytest.mark.parametrize("name", ["cag", "cag_cell", "wrong-cell"])
def test_a_cell_is_the_same_prefix_whatever_is_asked(name, resources, server):
    method = open_method(name, resources)
    found, members = {}, method._cells.members
    for question in (
        "Who built the lighthouse of Velm?",
        "Who founded the harbour pilots?",
        "Who drew the library maps?",
    ):
        result = answer(method, question)
        passages = [resources.corpus.passages[row] for row in members[result.details["cell"]]]
        prefix = "Passages:\n\n" + "".join(map(passage_text, passages))
        assert sent(server).startswith(prefix)
        found.setdefault(result.details["cell"], set()).add(prefix)
    assert all(len(prefixes) == 1 for prefixes in found.values())


def test_a_second_question_to_a_cell_reuses_at_least_the_cell(resources, server):
    method = open_method("cag", resources)
    first = answer(method, "Who built the lighthouse of Velm?")
    second = answer(method, "Where does the lighthouse of Velm stand?")
    assert first.details["cell"] == second.details["cell"]
    cell = [resources.corpus.passages[row] for row in method._cells.members[first.details["cell"]]]
    assert second.trace.cached_tokens >= sum(len(passage_text(passage).split()) for passage in cell)


def test_the_server_reads_the_cells_instead_of_blocks_being_built_that_it_would_not_take(resources, tmp_path):
    shutil.copytree(resources.workspace.path, tmp_path / "tiny", ignore=shutil.ignore_patterns("blocks"))
    ws = Workspace(tmp_path / "tiny")
    list(pipeline.build_remaining(ws, resources.models, resources.settings))
    assert [ws.state(kind).status for kind in ("partition", "prefixes", "blocks")] == ["ready", "ready", "missing"]


def test_warming_has_every_cell_read_once_and_is_counted_as_what_cag_took_to_build(resources, server, tmp_path):
    shutil.copytree(resources.workspace.path, tmp_path / "tiny")
    resources = replace(resources, workspace=Workspace(tmp_path / "tiny"))
    *_, last = pipeline.warm(resources.workspace, resources.settings)
    assert last.data["cells"] == len(server.requests) == 3 and last.data["tokens"] > 0
    manifest = resources.workspace.manifest("prefixes")
    assert manifest.params["server"] == "tiny at 127.0.0.1" and manifest.build_s > 0
    variant = parse_variants("cag")[0]
    cold = Resources(Workspace(resources.workspace.path), resources.models, resources.settings)
    with_it = storage_of(variant, cold).build_s
    shutil.rmtree(resources.workspace.folder("prefixes"))
    assert with_it - storage_of(variant, cold).build_s == pytest.approx(manifest.build_s)


@pytest.mark.parametrize("order", MEMORY_ORDERS)
def test_memory_answers_there_whatever_comes_first_here_and_says_that_it_has_two_models(order, resources):
    chosen = replace(resources, settings=replace(resources.settings, memory_order=order))
    result = answer(open_method("memory", chosen), QUESTION)
    assert (result.text, result.details["order"]) == ("Oren Pask", "evidence")
    assert two_models(result.details) == ("tiny", "tiny at 127.0.0.1")
    (reading,) = result.details["readings"]
    assert reading["passage_ids"] == (result.evidence[0].passage_id,)  # no other z is read in its turn
    here = replace(resources, settings=resources.settings.in_process)
    assert two_models(answer(open_method("memory", here), QUESTION).details) is None


def test_the_numbers_say_which_server_they_hold_for(resources):
    ground = measured_on(resources)
    assert (ground.model, ground.device, ground.reader) == ("tiny at 127.0.0.1", "a server at 127.0.0.1", False)


def test_the_words_that_z_spells_go_there(resources, server, monkeypatch):
    method = open_method("memory", resources)
    monkeypatch.setattr(method, "quotes", True)
    spelled = SimpleNamespace(sentences=["Oren Pask built it.", "It is of glass."])
    monkeypatch.setattr(method.memory, "spelled", lambda passage_id: spelled)
    result = answer(method, QUESTION)
    (evidence,) = result.evidence
    assert evidence.text == "Oren Pask built it. It is of glass."
    assert evidence.text in sent(server)
    (reading,) = result.details["readings"]
    assert result.details["quoted"] and not reading["vectors"]  # words were read, and no vectors
