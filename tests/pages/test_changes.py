import json

from app import i18n
from app.views.changes.form import OWN
from core import pipeline
from core.corpus.types import Passage
from core.labs.changes.report import report as plain
from core.labs.changes.scratch import PREFIX
from tests.pages.conftest import button, drain, said, wait_for_job


def start(app, ws):
    button(app, "race-start").click().run()
    report = wait_for_job(ws.path, 600)
    return report, app.run()


def test_without_passages_it_leads_to_the_corpus(page, workspace, models):
    assert "nothing to change" in said(page("changes"))


def test_what_cannot_run_yet_says_why(page, prepared, models):
    app = page("changes")
    assert app.session_state["race_methods"] == ["rag"]
    assert "Cannot run yet" in said(app)
    assert not button(app, "race-start").disabled


def test_a_new_document_is_raced_for_real_and_the_workspace_stays(page, complete, models):
    before = complete.fingerprint("corpus"), complete.fingerprint("memory")
    app = page("changes")
    app.selectbox(key="race_document").set_value(OWN).run()
    app.text_input(key="race_title").set_value("Fog horn")
    app.text_area(key="race_text").set_value("The fog horn of Velm was cast by Ada Brill. It sounds twice.")
    app.text_input(key="race_question").set_value("Who cast the fog horn?")
    app.text_input(key="race_answer").set_value("Ada Brill")
    app.slider(key="race_old").set_value(5)
    app.slider(key="race_steps").set_value(5).run()
    report, app = start(app, complete)
    assert report.state.value == "done", report.error + report.details
    assert (complete.fingerprint("corpus"), complete.fingerprint("memory")) == before
    assert not list(complete.path.glob(f"{PREFIX}*"))
    assert "Added: Fog horn" in said(app)
    assert len(app.get("plotly_chart")) == 1
    stages, regressions = app.dataframe[0].value, app.dataframe[1].value
    assert list(stages.columns) == ["Stage", "Standard RAG", "KV-cache CAG", "LLM-as-Memory"]
    assert {"First right", "embed the passage", "prefill the changed cell", "optimise its z"} <= set(stages["Stage"])
    assert set(regressions["Asked"]) == {2}
    assert not app.exception


def test_an_edit_needs_another_text_and_a_question(page, prepared, models):
    app = page("changes")
    app.segmented_control(key="race_kind").set_value("edit").run()
    app.selectbox(key="race_passage").set_value("p3").run()
    button(app, "race-start").click().run()
    assert any("as it was" in entry.value for entry in app.warning)
    app.text_area(key="race_text_p3").set_value("Una Reed founded the harbour pilots.").run()
    button(app, "race-start").click().run()
    assert any("without a question" in entry.value for entry in app.warning)
    app.text_input(key="race_question_p3").set_value("Who founded the harbour pilots?")
    app.text_input(key="race_answer_p3").set_value("Una Reed").run()
    report, app = start(app, prepared)
    assert report.state.value == "done", report.error
    assert "Edited: Harbour pilots" in said(app)


def test_a_deletion_asks_what_the_corpus_asks_and_speaks_korean(page, prepared, models, monkeypatch):
    monkeypatch.setattr(i18n, "language", lambda: "ko")
    app = page("changes")
    app.segmented_control(key="race_kind").set_value("delete").run()
    assert app.selectbox(key="race_passage").value == "p8"
    assert app.selectbox(key="race_asked").value == "Who planted the pear orchard?"
    report, app = start(app, prepared)
    assert report.state.value == "done", report.error
    assert "삭제함: Orchard pears" in said(app) and "만에 맞힘" in app.dataframe[0].value.to_string()


def test_a_method_that_fails_is_shown_with_its_reason_and_the_others_finish(page, complete, models):
    drain(pipeline.adapt(complete, models, Passage("geo-u1", "Sallow Sea", "The Sallow Sea is yellow.")))
    app = page("changes")
    app.slider(key="race_old").set_value(0).run()
    report, app = start(app, complete)
    assert report.state.value == "done", report.error
    assert "already holds" in said(app) and "could not run" in app.dataframe[0].value.to_string()


def test_what_was_raced_can_be_taken_along(page, prepared, models):
    app = page("changes")
    report, app = start(app, prepared)
    assert report.state.value == "done", report.error
    assert len(app.get("download_button")) == 1
    assert json.loads(json.dumps(plain(report.history)))["results"][0]["method"] == "rag"
