import os
import signal

import pytest

from app import state
from core.evaluation.feedback import feedback_log
from core.stores.redis.connection import connection
from core.stores.redis.server import EmbeddedServer
from tests.pages.conftest import button, said

QUESTION = "Who built the lighthouse of Velm?"


@pytest.fixture
def running(prepared, models):
    connection().client()
    return prepared


def submit(app, label):
    next(found for found in app.button if found.label == label).click()
    return app.run()


def ask(app, question):
    app.text_input(key="redis_question").set_value(question)
    return submit(app, "Ask")


def metric(app, label):
    return next(entry.value for entry in app.metric if entry.label == label)


def test_a_server_that_is_not_running_is_offered_and_not_started(page, prepared, models, tmp_path, monkeypatch):
    monkeypatch.setenv("TESSERA_REDIS_FOLDER", str(tmp_path / "own"))
    app = page("redis")
    assert "Redis is not running" in said(app)
    assert not EmbeddedServer(tmp_path / "own").is_running()
    button(app, "redis-start").click().run()
    assert metric(app, "Redis") == "8.2.3"
    connection().close()


def test_without_passages_it_offers_both_ways(page, workspace, models):
    connection().client()
    app = page("redis")
    assert button(app, "build-sample") and button(app, "go-bring")
    assert "Nothing has been counted yet" in said(app) and "No answer is kept" in said(app)


def test_a_server_that_refuses_is_a_sentence(page, prepared, models, monkeypatch):
    monkeypatch.setenv("REDIS_URL", "redis://:secret@127.0.0.1:1")
    app = page("redis")
    assert any("does not answer" in error.value for error in app.error)
    assert "secret" not in said(app)


def test_a_question_asked_again_comes_from_the_cache_and_is_counted(page, running):
    app = ask(page("redis"), QUESTION)
    assert not app.exception and not app.error
    assert not app.get("badge") and metric(app, "Questions") == "1"
    app = ask(app, QUESTION.lower())
    assert "hit, the same words" in said(app).replace("\\", "")
    assert metric(app, "Questions") == "2" and metric(app, "From the cache") == "50%"
    assert len(app.get("plotly_chart")) == 1
    kept = next(table.value for table in app.dataframe if "left" in table.value)
    assert list(kept["question"]) == [QUESTION]
    button(app, "redis-flush").click().run()
    assert "No answer is kept" in said(app)


def test_an_empty_question_is_said_to_be_empty(page, running):
    assert any("Type a question" in warning.value for warning in ask(page("redis"), "  ").warning)


def test_words_move_passages(page, running):
    app = page("redis")
    app.text_input(key="redis_text").set_value("oak barrels @topic:{x}")
    app.slider(key="redis_weight").set_value(90)
    app = submit(app, "Search")
    assert not app.exception and not app.error
    hybrid = next(table.value for table in app.dataframe if "was" in table.value)
    assert hybrid["title"][0] == "Orchard cider"
    required = [table.value for table in app.dataframe if "was" in table.value][1]
    assert list(required["title"]) == ["Orchard cider"]  # the one passage with any of the words
    app.selectbox(key="redis_topic").set_value("harbour")
    app = submit(app, "Search")
    hybrid = next(table.value for table in app.dataframe if "was" in table.value)
    assert len(hybrid) == 4 and all(title.startswith("Harbour") for title in hybrid["title"])


def test_a_killed_server_is_noticed_and_comes_back(page, running):
    app = page("redis")
    os.kill(connection().embedded.address().pid, signal.SIGKILL)
    app = app.run()
    if "Redis is not running" in said(app):
        button(app, "redis-start").click().run()
    assert metric(app, "Redis") == "8.2.3"


@pytest.mark.parametrize("rating", [1, -1])
def test_an_answer_is_judged_and_noted_and_methods_are_ranked(page, running, rating):
    app = ask(page("redis"), QUESTION)
    assert "No answer in this workspace has been judged" in said(app)
    button(app, f"judge-redis-rag-{rating}").click().run()
    log = feedback_log(running, state.settings())
    assert [(found.question, found.method, found.rating) for found in log.all().feedback] == [
        (QUESTION, "redis-rag", rating)
    ]
    assert log.all().feedback[0].settings["top_k"] == 3 and log.all().feedback[0].settings["model"] == "tiny"
    app.text_area(key="note-text-redis-rag").set_value("because <b>")
    submit(app, "Keep")
    (kept,) = log.all().feedback
    assert (kept.note, kept.rating) == ("because <b>", rating)
    ranks = next(table.value for table in app.dataframe if "lower" in table.value)
    assert list(ranks["method"]) == ["Redis RAG"] and list(ranks["n"]) == [1]
    assert ranks["good"][0] == (100 if rating > 0 else 0) and ranks["lower"][0] < 25


def test_it_speaks_korean(page, running):
    app = page("redis", lang="ko")
    app.text_input(key="redis_question").set_value(QUESTION)
    app = submit(app, "질문하기")
    assert not app.exception and not app.error
    assert "저장된 답변" in said(app) and "내장 Redis" in said(app)
    assert metric(app, "질문") == "1"
