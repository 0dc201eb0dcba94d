from contextlib import closing
from dataclasses import replace

import pytest

from app.export import record
from app.gradio.service import ComparisonService
from core.errors import ArtefactMissing, TesseraError
from core.methods.base import Text
from core.methods.comparison import Run, Waiting
from core.workspace import Workspace
from tests.turns import taken

QUESTION = "Who drew the library maps?"


@pytest.fixture
def service(tiny_workspace, tiny_models):
    return ComparisonService(tiny_workspace, tiny_models, tiny_models.settings)


@pytest.mark.parametrize(
    ("question", "methods", "passages", "says"),
    [
        ("  ", ["rag"], 3, "empty"),
        ("x" * 501, ["rag"], 3, "501"),
        ("Who?", ["magic"], 3, "magic"),
        ("Who?", [], 3, "No method"),
        ("Who?", ["rag"], 0, "0 passages"),
        ("Who?", ["rag"], 11, "11 passages"),
    ],
)
def test_what_cannot_be_asked_is_refused(service, question, methods, passages, says):
    with pytest.raises(TesseraError, match=says):
        service.choose(question, methods, passages)


def test_methods_answer_and_the_one_that_lacks_something_says_so(service):
    run = service.answer(service.choose(QUESTION, ["rag", "cag", "memory"], 2))
    assert set(run.answers) == {"rag", "cag"}
    assert len(run.answers["rag"].evidence) == 2
    assert "memory" in run.failures["memory"][0]
    assert run.context.model == "tiny"


def test_a_question_in_a_script_that_no_model_knows_carries_its_warnings(service):
    run = service.answer(service.choose("ใครสร้างสะพาน", ["rag"], 2))
    encoder, model = record(run)["warnings"]
    assert encoder.startswith("The encoder tiny") and model.startswith("This model answers English only")
    assert record(service.answer(service.choose(QUESTION, ["rag"], 2)))["warnings"] == []


def test_a_method_stays_open_until_its_settings_change(service):
    service.answer(service.choose(QUESTION, ["rag"], 2))
    service.answer(service.choose(QUESTION, ["rag"], 2))
    assert len(service._methods.opened()) == 1
    service.answer(service.choose(QUESTION, ["rag"], 3))
    assert len(service._methods.opened()) == 2


def test_stopping_frees_the_models(service, tiny_models):
    run = Run(service.choose(QUESTION, ["rag", "cag"], 2))
    with closing(service.stream(run)) as events:
        for _, event in events:
            if isinstance(event, Text):
                break
    with tiny_models.lock.ticket() as ticket:
        assert ticket.wait(60)
    assert "cag" not in run.answers


def test_a_question_waits_while_another_computes(service, tiny_models):
    with taken(tiny_models.lock):
        events = service.stream(Run(service.choose(QUESTION, ["rag"], 2)))
        assert next(events) == ("rag", Waiting(1))
    list(events)


def test_search_is_exact_and_ordered(service):
    found, _ = service.search("pears of the orchard", 3)
    assert found[0].title.startswith("Orchard")
    assert found[0].score >= found[1].score >= found[2].score
    for query, k in (("", 3), ("pears", 0), ("pears", 21)):
        with pytest.raises(TesseraError):
            service.search(query, k)


def test_what_no_server_takes_lacks_a_model_here(tiny_workspace, tiny_models):
    settings = replace(tiny_models.settings, engine_url="http://127.0.0.1:1/v1")
    served = ComparisonService(tiny_workspace, tiny_models, settings)
    assert "no server takes" in served.lacking("rag_blocks") and not served.lacking("rag")


def test_an_empty_workspace_is_refused_with_a_remedy(tmp_path, tiny_models):
    empty = ComparisonService(Workspace(tmp_path / "empty"), tiny_models, tiny_models.settings)
    assert "bring documents" in empty.lacking("rag")
    with pytest.raises(ArtefactMissing):
        empty.search("pears", 3)
