import pytest

from core.evaluation.harness import evaluate
from core.evaluation.runs import Plan, run_folder
from core.evaluation.variants import parse_variants
from core.labs.plan.plan import SHAPES
from core.methods.resources import Resources
from tests.pages.conftest import said


@pytest.fixture
def measured(cached, models, tiny_corpus, monkeypatch):
    """The workspace with a run of both methods."""
    monkeypatch.setitem(SHAPES, "tiny", SHAPES["smollm2-135m"])
    resources = Resources(cached, models, models.settings)
    made = Plan(parse_variants("rag,cag"), tiny_corpus.questions["train"], "tiny", 2)
    list(evaluate(resources, made, run_folder(resources, made)))
    return cached


def test_before_anything_is_measured_it_says_what_to_do(page, prepared, models):
    assert "Build the blocks" in said(page("plan")) + "".join(link.label for link in page("plan").get("page_link"))


def test_what_is_wanted_changes_the_plan_and_its_advice(page, measured, models):
    app = page("plan")
    assert len(app.dataframe[0].value) == 2 and "ache" in app.info[0].value
    before = app.dataframe[0].value["On disk"].tolist()
    app.number_input(key="plan_passages").set_value(10_000_000).run()
    assert app.dataframe[0].value["On disk"].tolist() != before and not app.exception
    app.number_input(key="plan_disk").set_value(10.0).run()
    assert "Do not cache" in app.info[0].value
