import json
from dataclasses import replace

import pytest
import torch

from app import state
from app.views.memory.train import course
from core import pipeline
from core.jobs import Progress
from core.memory.config import MemoryConfig
from core.memory.store import load_pool
from tests.pages.conftest import button, said, wait_for_job


def view(app, name):
    app.session_state["memory_view"] = name
    return app.run()


def test_without_passages_it_leads_to_the_corpus(page, workspace, models):
    shown = said(page("memory"))
    assert "nothing to remember" in shown
    assert "What its bytes buy" in shown and "ships with Tessera" in shown


def test_without_a_memory_it_offers_to_train_one(page, prepared, models, monkeypatch):
    seen = []

    def train(ws, config, resume=True, start=""):
        seen.append((ws.name, config.steps, resume))
        yield Progress("Learning evidence", 1, 2, "", {"step": 1, "read_loss": 2.5})
        yield Progress("Learning evidence", 2, 2, "", {"step": 2, "read_loss": 2.0, "held_out_rouge_l": 0.3})

    monkeypatch.setattr(pipeline, "train", train)
    app = page("memory")
    assert "no memory yet" in said(app)
    next(found for found in app.button if found.label == "Train").click().run()
    assert wait_for_job(prepared.path).state.value == "done"
    assert seen == [("sample", 170, True)]
    app.run()
    assert [shown.key for shown in app.get("plotly_chart")] == ["live-training", "sizes"]


def test_a_first_memory_at_once_starts_from_the_shipped_one(page, prepared, models, monkeypatch):
    seen = []

    def train(ws, config, resume=True, start=""):
        seen.append((config.steps, start))
        yield Progress("Learning to route", 1, 1, "", {"routing_step": 1, "routing_loss": 2.0})

    monkeypatch.setattr(pipeline, "train", train)
    app = page("memory")
    app.session_state["train_budget"] = "At once"
    next(found for found in app.button if found.label == "Train").click().run()
    assert wait_for_job(prepared.path).state.value == "done"
    assert seen == [(0, "sample")]


def test_own_documents_go_on_from_the_shipped_memory(models, monkeypatch):
    own, start = course("mine", 40)
    assert start == "sample" and own.casings and (own.steps, own.router_steps, own.m) == (40, 40, 96)
    assert course("mine", 800)[0].router_steps == 300
    assert course("sample", 40) == (MemoryConfig(steps=40, eval_every=8, checkpoint_every=5), "")
    monkeypatch.setattr(state, "settings", lambda: replace(models.settings, model="another"))
    assert course("mine", 40)[1] == ""


def test_a_memory_says_what_it_is(page, remembered, models):
    app = page("memory")
    metrics = {entry.label: entry.value for entry in app.metric}
    assert metrics["Documents"] == "11"
    assert metrics["Vectors per document"] == "2 × 8"
    assert metrics["Z of one document"] == "32 B"
    assert "Only the difference" in said(app)


def test_a_question_is_routed_by_the_model(page, remembered, models):
    app = page("memory")
    app.text_input(key="route_question").set_value("Who planted the pear orchard?").run()
    weights = app.dataframe[0].value
    assert "not in memory" in list(weights["document"])
    assert 0 < weights["weight"].sum() <= 1.0001
    button(app, "route-evidence").click().run()
    assert not app.exception


def test_a_new_document_is_learned_and_forgotten(page, remembered, models):
    app = view(page("memory"), "Learn a document")
    app.selectbox(key="adapt_choice").set_value("Your own text").run()
    app.text_input(key="adapt_title").set_value("Fog horn")
    app.text_area(key="adapt_text").set_value("The fog horn of Velm was cast by Ada Brill. It sounds twice.")
    app.text_input(key="adapt_question").set_value("Who cast the fog horn?")
    app.text_input(key="adapt_answer").set_value("Ada Brill")
    app.slider(key="adapt_steps").set_value(5).run()
    button(app, "adapt-start").click().run()
    report = wait_for_job(remembered.path)
    assert report.state.value == "done", report.error
    assert any("evidence" in data for data in report.history)
    app.run()
    assert {entry.label: entry.value for entry in app.metric}["Documents"] == "12"
    (learned,) = remembered.manifest("memory").params["learned"]
    view(app, "Edit or forget")
    assert app.selectbox(key="change_choice").value == learned
    button(app, "forget").click().run()
    assert wait_for_job(remembered.path).state.value == "done"
    assert {entry.label: entry.value for entry in app.run().metric}["Documents"] == "11"


def test_a_document_is_given_another_text(page, remembered, models):
    before = load_pool(remembered.folder("memory"))
    app = view(page("memory"), "Edit or forget")
    app.selectbox(key="change_choice").set_value("p3").run()
    assert app.text_area(key="change_text-p3").value and button(app, "edit-start").disabled
    app.text_area(key="change_text-p3").set_value("Nobody founded the harbour pilots.").run()
    button(app, "edit-start").click().run()
    report = wait_for_job(remembered.path)
    assert report.state.value == "done", report.error
    after = load_pool(remembered.folder("memory"))
    changed = [row for row in range(11) if not torch.equal(before.z[row], after.z[row])]
    assert changed == [3] and after.titles == before.titles


def test_it_shows_what_it_weighs(page, remembered, models):
    app = view(page("memory"), "Weigh it")
    assert [drawn.key for drawn in app.get("plotly_chart")] == ["storage", "sizes"]
    assert "ships with Tessera" in said(app)
    assert "Text of the passages" in said(app) and "KV blocks of the passages" not in said(app)


def test_the_moment_it_first_answers_right_is_shown(page, prepared, models, monkeypatch):
    def train(ws, config, resume=True, start=""):
        yield Progress("Learning", 1, 2, "", {"step": 1, "loss": 2.5, "evidence": {"q": "no"}, "coverage": 0.0})
        yield Progress("Learning", 2, 2, "", {"step": 2, "loss": 2.0, "evidence": {"q": "yes"}, "first_right": 2})

    monkeypatch.setattr(pipeline, "train", train)
    app = page("memory")
    next(found for found in app.button if found.label == "Train").click().run()
    wait_for_job(prepared.path)
    assert "first answered right after 2 steps" in said(app.run())


def test_what_was_tried_stands_under_the_training(page, remembered, models):
    app = view(page("memory"), "Train")
    assert "python -m app ablate" in said(app)
    scores = {"recall_at_1": 1.0, "em": 0.5, "evidence_ms": 9.0, "bytes_per_1000_documents": 8e7, "n_questions": 2}
    for name, right in (("base", 0.5), ("m = 4", 0.3)):
        folder = remembered.path / "ablation" / "plan" / name
        folder.mkdir(parents=True)
        row = {"variant": name, "steps": 5, "rouge_l": right, "shuffled": {"rouge_l": 0.1}, **scores}
        (folder / "result.json").write_text(json.dumps(row))
    app = app.run()
    assert list(app.dataframe[0].value["right"]) == [0.5, 0.3]
    assert len(app.get("plotly_chart")) == 1 and "2 dev questions, 5 steps of training each" in said(app)


def test_documents_that_ship_unseen_can_be_chosen(page, remembered, models):
    app = view(page("memory"), "Learn a document")
    assert len(app.selectbox(key="adapt_choice").options) > 1
    assert not button(app, "adapt-start").disabled


def test_a_damaged_memory_is_an_error_with_a_remedy(page, remembered, models):
    card = remembered.folder("memory") / "memory.json"
    card.write_bytes(b"{" + b" " * (card.stat().st_size - 1))
    app = page("memory")
    assert any("damaged" in error.value for error in app.error)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Route a question", "문서를 찾는 것은 모델 자신입니다"),
        ("Learn a document", "새 문서의 z만 움직입니다"),
        ("Edit or forget", "Z의 한 행만"),
        ("Weigh it", "기억의 무게"),
        ("Train", "문단 11개에 저마다의 z를"),
    ],
)
def test_every_view_speaks_korean(page, remembered, models, name, words):
    app = view(page("memory", lang="ko"), name)
    assert not app.exception
    assert words in said(app) and "그 차이인" in said(app)
    assert {entry.label for entry in app.metric} >= {"문서", "문서당 벡터", "문서 하나의 Z"}
