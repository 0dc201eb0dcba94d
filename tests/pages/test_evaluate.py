"""The Evaluate page: nothing to ask, a run from the form to the table, its answers, two runs, a broken file."""

import json
from dataclasses import replace

import pytest

from app import state
from app.views.evaluate import judge
from app.views.evaluate.answers import matching
from app.views.evaluate.form import partial
from core import pipeline
from core.corpus.sample import load_sample
from core.errors import TesseraError
from core.evaluation.runs import list_runs
from core.labs.judge.judging import ragas_python
from core.settings import ROOT
from tests.pages.conftest import button, drain, said, wait_for_job


@pytest.fixture
def ran(page, prepared, methods):
    """The sample workspace with a run over its test questions, from the form."""
    methods.made["closed-book"].text = "nobody"
    app = page("evaluate")
    button(app, "eval-start").click().run()
    assert wait_for_job(prepared.path).state.value == "done"
    return prepared


def view(app, name):
    return app.segmented_control(key="eval_view").set_value(name).run()


def test_without_a_run_it_offers_one(page, prepared, methods):
    app = page("evaluate")
    assert app.segmented_control(key="eval_view").value == "New run"
    assert not button(app, "eval-start").disabled
    assert "No run yet" in said(view(app, "Results"))


def test_the_sample_opens_with_the_run_that_ships_and_measures_here(page, workspace, models, methods):
    drain(pipeline.prepare_corpus(workspace, models, load_sample()))
    app = page("evaluate")
    shipped = json.loads((ROOT / "docs" / "runs" / "sample-test.json").read_text(encoding="utf-8"))
    assert app.segmented_control(key="eval_view").value == "Results"
    text = said(app).replace("\\", "")
    assert shipped["created"][:10] in text and shipped["machine"]["processor"] in text
    scores = app.dataframe[0].value
    assert len(scores) == len(shipped["methods"]) and set(scores["n"]) == {shipped["questions"]}
    button(app, "eval-here").click().run()
    assert app.segmented_control(key="eval_view").value == "New run" and not app.exception


def test_a_run_ends_in_a_table_with_intervals(page, ran):
    app = page("evaluate")
    scores = app.dataframe[0].value
    assert "Standard RAG" in set(scores["method"]) and set(scores["n"]) == {2}
    rag = scores[scores["method"] == "Standard RAG"].iloc[0]
    assert (
        rag["em"] == "0.00 (0.00 to 0.00)"
    )  # the fake method always says Oren Pask; the test questions ask for others
    assert [chart.key for chart in app.get("plotly_chart")] == ["eval-verdicts", "eval-pareto"] and len(
        app.get("download_button")
    ) == 3
    app.toggle(key="eval_differences").set_value(True).run()
    assert "Standard RAG" not in set(app.dataframe[0].value["method"])


def test_a_judge_is_offered_where_the_settings_name_one(page, ran, models, monkeypatch):
    assert "No judge is set" in said(page("evaluate"))
    named = replace(models.settings, judge_url="http://127.0.0.1:9/v1", judge_model="m", judge_embeddings="")
    monkeypatch.setattr(state, "settings", lambda: named)
    app = page("evaluate")
    assert "m at 127.0.0.1" in said(app)
    monkeypatch.setattr(judge, "ragas_python", lambda: ragas_python(ran.path))
    button(app, "eval-judge").click().run()
    assert any("make ragas" in warning.value for warning in app.warning)


def test_every_answer_can_be_looked_at_and_filtered(page, ran):
    app = view(page("evaluate"), "Answers")
    assert "2 questions of 2" in said(app)
    assert "Oren Pask built the <b>lighthouse</b>." in said(app)
    app.selectbox(key="eval_right").set_value("rag").run()
    assert "No question passes" in said(app)


def test_two_runs_are_compared_question_by_question(page, ran, methods):
    app = view(page("evaluate"), "Two runs")
    assert "no second run" in said(app)
    app = view(app, "New run")
    app.number_input(key="eval_n").set_value(1).run()
    button(app, "eval-start").click().run()
    assert wait_for_job(ran.path).state.value == "done"
    assert len(list_runs(ran)) == 2
    app = view(page("evaluate"), "Two runs")
    table = app.dataframe[0].value
    assert set(table["n"]) == {1} and "EM" in set(table["score"])


def test_a_malformed_file_is_refused_with_line_and_reason(page, prepared, methods):
    app = page("evaluate")
    app.segmented_control(key="eval_source").set_value("a file").run()
    good = {"id": "a", "question": "Who?", "answers": ["x"], "passage_id": "p0"}
    content = (json.dumps(good) + "\n{broken\n").encode()
    app.file_uploader(key="eval_upload").set_value([("mine.jsonl", content, "application/jsonl")]).run()
    assert any("mine.jsonl" in error.value and "line 2" in error.value for error in app.error)
    app.file_uploader(key="eval_upload").set_value([("mine.jsonl", content[:-8], "application/jsonl")]).run()
    assert "1 question can be asked" in said(app) and not app.error


def test_a_method_that_fails_stops_the_run_with_its_reason(page, prepared, methods):
    methods.broken["rag"] = TesseraError("The index has holes.", "Build it again.")
    app = page("evaluate")
    button(app, "eval-start").click().run()
    report = wait_for_job(prepared.path)
    assert report.state.value == "failed" and "holes" in report.error
    app = page("evaluate")
    assert "Unfinished" in said(app)
    methods.broken.clear()
    button(app, "eval-resume").click().run()
    assert wait_for_job(prepared.path).state.value == "done"


def test_a_damaged_run_is_an_error_with_a_remedy(page, ran):
    (list_runs(ran)[0] / "run.json").write_text("{", encoding="utf-8")
    app = page("evaluate")
    assert any("cannot be read" in error.value or "no run" in error.value for error in app.error)


def test_partial_results_by_hand():
    steps = [{"method": "rag", "em": 1.0, "f1": 1.0, "total_ms": 10.0}, {"loss": 1}]
    steps.append({"method": "rag", "em": 0.0, "f1": 0.5, "total_ms": 30.0})
    assert partial(steps) == [{"method": "rag", "n": 2, "EM": 0.5, "F1": 0.75, "ms": 20.0}]


def test_filters_by_hand():
    answers = {
        "rag": {"a": {"scores": {"em": 1.0}}, "b": {"scores": {"em": 0.0}}},
        "cag": {"a": {"scores": {"em": 0.0}}, "b": {"scores": {"em": 0.0}}, "c": {"scores": {"em": 1.0}}},
    }
    assert matching(answers, "rag", "cag", "em") == ["a"]
    assert matching(answers, "any", "cag", "em") == ["a", "b"]
    assert matching(answers, "cag", "any", "em") == ["c"]
    assert matching(answers, "any", "any", "em") == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("New run", "방식을 하나씩 차례로 실행하며"),
        ("Results", "평균과 95% 구간입니다"),
        ("Answers", "전체 2개 가운데 질문 2개."),
        ("Two runs", "비교할 두 번째 실행이 없습니다"),
    ],
)
def test_every_view_speaks_korean(page, ran, name, words):
    app = view(page("evaluate", lang="ko"), name)
    assert not app.exception
    assert words in said(app)
    if name == "Results":
        assert "표준 RAG" in set(app.dataframe[0].value["method"])


def test_a_corpus_without_questions_leads_to_where_they_are_written(page, workspace, models, tiny_corpus):
    drain(pipeline.prepare_corpus(workspace, models, replace(tiny_corpus, questions={})))
    app = button(page("evaluate"), "go-questions").click().run()
    assert app.session_state["corpus_view"] == "Questions"
