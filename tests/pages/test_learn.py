from dataclasses import replace

import pytest

from app import i18n
from app.glossary import GLOSSARY
from app.learn.recorded import recorded, tour_question
from app.learn.registry import STEPS
from app.views.learn.check import CHECKS
from core import pipeline
from core.methods import registry
from core.voronoi.partition import load_cells
from tests.pages.conftest import button, said

NAMES = [step.name for step in STEPS]


def plain(app):
    """All text on a page, its Markdown taken as text."""
    return said(app).replace("\\", "").replace("&#58;", ":")


@pytest.fixture
def complete(complete, methods):
    return complete


@pytest.fixture
def shown(page):
    """Opens a step and looks without a guess."""

    def open_step(name, **query):
        app = page("learn", step=name, **query)
        button(app, f"guess-{name}-skip").click().run()
        assert not app.exception
        return app

    return open_step


@pytest.fixture
def live(shown, complete):
    """... and runs it on the tiny models."""

    def open_step(name, **query):
        app = shown(name, **query)
        app.toggle(key=f"learn-live-{name}").set_value(True).run()
        assert not app.exception, [entry.value for entry in app.exception]
        return app

    return open_step


def test_the_whole_tour_is_there_before_the_sample_is_built(shown, workspace, models):
    app = shown("z")
    assert tour_question().text in said(app)
    assert button(app, "build-sample")
    assert any("Voronoi cell" in entry.value for entry in app.markdown)


@pytest.mark.parametrize("name", NAMES)
def test_a_step_asks_for_a_guess_and_then_shows_what_was_recorded(page, complete, name):
    step = STEPS[NAMES.index(name)]
    app = page("learn", step=name)
    prediction, text = step.predict(), plain(app)
    assert step.question in text and step.intro in text and prediction.question in text
    assert "Recorded from" not in text and "ships with Tessera" not in text
    wrong = (prediction.right + 1) % len(prediction.options)
    button(app, f"guess-{name}-{wrong}").click().run()
    assert not app.exception
    text = plain(app)
    assert f"~~{prediction.options[wrong]}~~" in text
    assert prediction.options[prediction.right] in text
    assert "ships with Tessera" in text
    assert all(word in text for word in step.words)


def test_a_right_guess_is_called_right(page, complete):
    app = page("learn", step="rag")
    button(app, f"guess-rag-{STEPS[1].predict().right}").click().run()
    assert "Right." in said(app)


def test_next_previous_and_the_contents_walk_the_whole_way(page, complete):
    app = page("learn")
    with pytest.raises(KeyError):
        button(app, "learn-previous")
    for name in [*NAMES[1:], "end"]:
        button(app, "learn-next").click().run()
        assert not app.exception
        assert app.session_state["learn_step"] == name
    button(app, "learn-to-kv-cache").click().run()
    assert "What a model keeps of a text" in said(app)


def test_five_questions_end_the_tour(page, complete):
    app = page("learn", step="end")
    for number, check in enumerate(CHECKS):
        app.radio(key=f"learn-check-{number}").set_value((check.right + (number == 0)) % len(check.options)).run()
    text = said(app)
    assert "4 of 5 right." in text and all(check.why in text for check in CHECKS)
    button(app, "check-again-0").click().run()
    assert STEPS[0].title in said(app)


def test_the_record_is_of_the_sample_that_ships():
    parts = ("embed", "rag", "cell", "kv_cache", "inject", "broken", "z", "training", "routing", "failures")
    measured = [recorded(part)["measured"] for part in parts]
    assert all(one["artefacts"] == measured[0]["artefacts"] for one in measured)
    assert recorded("rag")["question"] == recorded("cell")["question"] == recorded("z")["question"]
    assert recorded("z")["stages"][-1]["right"]
    assert recorded("broken")["whole"] == recorded("inject")["blocks"][0]["answer"]


def test_a_text_of_ones_own_is_embedded(live):
    app = live("embed")
    app.text_input[0].set_value("ships unload salt at the quay").run()
    assert app.dataframe[0].value.iloc[0, 0] == "Harbour quay"


def test_rag_runs_here_and_shows_its_prompt(live):
    app = live("rag")
    button(app, "learn-rag").click().run()
    assert not app.exception
    assert "tokens prefilled" in said(app)


def test_a_cache_weighs_what_the_models_configuration_says(live, complete, tiny_lm):
    app = live("kv-cache")
    tokens = len(tiny_lm.prompt.context(load_cells(complete)[0]))
    assert f"{tokens:,} tokens" in said(app)
    assert f"{tokens * tiny_lm.kv_bytes_per_token / 1e6:.1f}" in app.latex[0].value


def test_the_injected_cache_says_what_reading_says(live, monkeypatch):
    app = live("inject")
    monkeypatch.setitem(registry.METHODS, "cag", replace(registry.METHODS["cag"], opens="core.methods.cag:Cag"))
    button(app, "learn-inject").click().run()
    assert not app.exception
    assert "word for word the same" in said(app)


def test_z_is_trained_live_and_forgotten(live, complete, models):
    before = pipeline.open_memory(complete, models).pool.ids
    app = live("training")
    app.slider(key="learn_training_steps").set_value(4).run()
    button(app, "learn-train").click().run()
    assert not app.exception
    assert "after 4 steps" in said(app)
    assert pipeline.open_memory(complete, models).pool.ids == before


def test_what_memory_says_is_held_against_the_passage(live):
    app = live("failures")
    assert "Nothing has been asked" in said(app)
    button(app, "learn-wrong").click().run()
    assert not app.exception
    assert "ROUGE-L" in said(app) and "Gold answer: Tess Quill" in said(app)


def test_what_was_measured_is_put_on_one_account(live):
    app = live("cost")
    button(app, "learn-cost").click().run()
    assert not app.exception
    assert "Least: " in said(app)
    app.select_slider(key="learn_ledger").set_value(10_000).run()
    assert "10,000 questions" in said(app)


def test_the_cost_of_ones_own_documents_follows_the_sliders(shown, workspace, models):
    app = shown("cost")
    before = app.dataframe[0].value
    app.select_slider(key="learn_passages").set_value(1_000_000).run()
    assert not app.exception
    assert not before.equals(app.dataframe[0].value)


def test_every_word_of_a_step_is_in_the_glossary():
    assert {name for step in STEPS for name in step.words} <= set(GLOSSARY)


def test_every_word_of_the_tour_is_there_in_korean():
    steps = {text for step in STEPS for text in (step.title, step.question, step.intro)}
    checks = {text for check in CHECKS for text in (check.question, check.why, *check.options)}
    terms = {text for term in GLOSSARY.values() for text in (term.name, term.meaning)}
    assert not (steps | checks | terms) - set(i18n.table("ko"))


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_every_step_speaks_korean(shown, complete, step):
    app = shown(step.name, lang="ko")
    table, text = i18n.table("ko"), said(app)
    assert table[step.title] in text and table[step.question] in text and table[step.intro] in text
    assert step.question not in text
    assert all(table[name] in text for name in step.words)
    assert table[GLOSSARY["Centroid"].meaning] in text


@pytest.mark.parametrize(
    ("step", "key", "says"),
    [
        ("inject", "learn-inject", "두 답변은 한 글자도 다르지 않습니다."),
        ("training", "learn-train", "지금 하는 말"),
        ("cost", "learn-cost", "두 축 모두 로그 축입니다."),
        ("failures", "learn-wrong", "정답: Tess Quill"),
    ],
)
def test_what_a_click_brings_is_in_korean_too(live, monkeypatch, step, key, says):
    app = live(step, lang="ko")
    if step == "inject":
        monkeypatch.setitem(registry.METHODS, "cag", replace(registry.METHODS["cag"], opens="core.methods.cag:Cag"))
    if step == "training":
        app.slider(key="learn_training_steps").set_value(4).run()
    button(app, key).click().run()
    assert not app.exception
    assert says in said(app)


@pytest.mark.parametrize("part, lane", [("rag", "runs"), ("inject", "read")])
def test_the_record_tells_what_the_step_says_more_passages_take_longer_to_read(part, lane):
    first = [run["trace"]["ttft_ms"] for run in recorded(part)[lane]]
    assert len(first) > 3 and first == sorted(first)
