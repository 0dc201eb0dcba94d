import json

import pytest

from app import state
from core.labs.serverless.study import runs, study
from tests.core.labs.serverless.study.findings import findings
from tests.core.labs.serverless.study.test_study import functions
from tests.pages.conftest import button, said, wait_for_job


@pytest.fixture
def studied(prepared, tiny_corpus):
    """The sample workspace with two kept studies."""
    runs.folder(prepared).mkdir(parents=True)
    for name, stage in (("20260101-000000", "pipeline"), ("20260102-000000", "retrieval")):
        found = findings(tiny_corpus, stage=stage)
        (runs.folder(prepared) / f"{name}.json").write_text(json.dumps(found), encoding="utf-8")
    return prepared


def test_without_a_study_it_says_what_to_do_and_what_is_real(page, prepared, models):
    app = page("serverless")
    assert "No study has been kept" in said(app) and "Simulated" in said(app)
    assert not button(app, "serverless-start").disabled


def test_a_kept_study_is_shown_with_its_table(page, studied, models):
    app = page("serverless")
    text = said(app)
    assert "times** as long" in text and "The lines cross at about" in text and "queries a month" in text
    assert len(app.get("plotly_chart")) == 6
    numbers = app.dataframe[0].value.set_index("Index, passages")
    assert {column.split(", ")[1] for column in numbers} == {"20", "400", "2,000"} and len(numbers.columns) == 6
    assert set(numbers.loc["Throttled"]) == {"1"}


def test_the_pipeline_tells_the_share_of_retrieval(page, studied, models):
    app = page("serverless")
    app.selectbox(key="serverless-run").select("20260101-000000").run()
    assert not app.exception and "of the functions' time" in said(app)


def test_more_traffic_makes_a_query_cheaper(page, studied, models):
    app = page("serverless")

    def dollars():
        caption = next(entry.value for entry in app.caption if "queries a month" in entry.value)
        return float(caption.split("Flat $")[1].split(",")[0])

    app.select_slider(key="serverless-traffic").set_value(100).run()
    few = dollars()
    app.select_slider(key="serverless-traffic").set_value(1_000_000).run()
    assert dollars() < few


def test_a_damaged_study_is_an_error_with_a_remedy(page, studied, models):
    (runs.folder(studied) / "20260102-000000.json").write_text("{", encoding="utf-8")
    app = page("serverless")
    assert any("cannot be read" in error.value and "Delete" in error.value for error in app.error)


def test_sizes_that_are_no_numbers_are_a_sentence(page, prepared, models):
    app = page("serverless")
    app.text_input[0].input("many")
    button(app, "serverless-start").click().run()
    assert any("not a list of numbers" in error.value for error in app.error)
    assert state.board().latest(str(prepared.path)) is None


def test_one_click_starts_a_load_that_can_be_cancelled(page, prepared, models, monkeypatch):
    monkeypatch.setattr(study, "rag_functions", functions)
    app = page("serverless")
    app.text_input[0].input("11")
    button(app, "serverless-start").click().run()
    job = state.board().latest(str(prepared.path))
    assert job is not None and not app.exception
    job.cancel()
    assert wait_for_job(prepared.path, 120).state.value == "cancelled"
    assert not runs.names(prepared)


def test_it_speaks_korean(page, studied, models):
    app = page("serverless", lang="ko")
    assert not app.exception
    text = said(app)
    assert "**진짜:**" in text and "전수(flat) 검색에 걸리는 시간은" in text and "AWS에서 들 비용" in text
    assert button(app, "serverless-start").label == "부하 시작"
