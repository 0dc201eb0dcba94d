"""Pages of the sample open with runs that ship, said to be no measurement of this machine; other corpora have none."""

import json

import pytest

from app.views.shared.shipped import RUNS, shipped, shipped_coefficients
from core import pipeline
from core.corpus.sample import load_sample
from core.labs.plan.plan import Demand, plan
from core.labs.plan.prices import load_prices
from core.voronoi import projection
from core.voronoi.partition import PartitionConfig
from tests.pages.conftest import button, drain, said


@pytest.fixture
def sample(workspace, models, monkeypatch):
    monkeypatch.setattr(projection, "_UMAP_FROM", 10**9)  # it compiles for ten seconds, and nobody looks at its picture
    drain(pipeline.prepare_corpus(workspace, models, load_sample()))
    drain(pipeline.cluster(workspace, models, models.settings, PartitionConfig(auto_k=False, k=3, cell_tokens=40_000)))
    return workspace


def test_the_sample_opens_with_what_ships(page, sample):
    for name, shows, measure in (
        ("stores", "Approximation wins", "bench-run"),
        ("changes", "Edited: Brannoch", "race-start"),
        ("map", "of the gold passages", "recall-measure"),
        ("serverless", "times** as long as IVF_HNSW_SQ", "serverless-start"),
    ):
        app = page(name)
        assert "ships with Tessera" in said(app) and shows in said(app)
        assert button(app, measure)


def test_the_form_of_a_change_opens_on_the_one_whose_race_ships(page, sample):
    app, race = page("changes"), shipped("race")
    passage = race["change"]["passage"]
    assert app.segmented_control(key="race_kind").value == race["change"]["kind"]
    assert app.selectbox(key="race_passage").value == passage["id"]
    assert app.text_area(key=f"race_text_{passage['id']}").value == passage["text"]
    assert app.text_input(key=f"race_question_{passage['id']}").value == race["change"]["question"]["text"]
    assert app.slider(key="race_old").value == race["old_questions"]
    assert app.slider(key="race_steps").value == race["steps"]


def test_when_each_method_pays_off_is_said_from_the_run_that_ships(page, sample):
    efficiency = shipped("sample-test")["efficiency"]
    for name in ("start", "evaluate"):
        text = said(page(name))
        for method in ("cag", "memory"):
            assert f"pays off after **{efficiency[method]['break_even']['questions']:,} questions**" in text
    assert "of every document" in page("plan").info[1].value  # what memory takes, beside what CAG does


def test_another_corpus_has_no_run_that_ships(page, clustered):
    for name in ("stores", "changes", "map", "serverless"):
        assert "ships with Tessera" not in said(page(name))


def test_every_run_that_a_page_shows_has_its_command():
    for entry in json.loads((RUNS / "pages.json").read_text(encoding="utf-8")):
        assert (RUNS / entry["file"]).is_file() and entry["command"].startswith("python -m app ")


def test_a_plan_weighs_1000_documents_as_the_evaluation_does():
    measured = shipped("sample-test")["efficiency"]
    for one in plan(Demand(1000, 1, 1), shipped_coefficients(), load_prices()):
        assert one.stored == pytest.approx(measured[one.method]["bytes_per_1000_documents"], rel=0.03)
