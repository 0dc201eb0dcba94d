from dataclasses import replace

import pytest

from app import i18n
from app.glossary import GLOSSARY
from app.learn.failures import BORDER, CRAMMED, STALE, WRONG
from app.learn.registry import STEPS
from core import pipeline
from core.memory.config import MemoryConfig
from core.methods import registry
from core.methods.cag import Cag
from core.voronoi.partition import load_cells
from tests.pages.conftest import button, drain, said

TINY = MemoryConfig(
    m=2, z_dim=8, lora_r=2, steps=2, batch=2, router_dim=8, router_layer=1, router_steps=2, eval_questions=1
)


@pytest.fixture
def complete(cached, models, methods):
    drain(pipeline.train(cached, models, TINY))
    return cached


def at(page, name):
    return page("learn", step=name)


def test_without_the_sample_it_offers_to_build_it_and_still_explains_words(page, workspace, models):
    app = page("learn")
    assert "tour needs the sample" in said(app)
    assert button(app, "build-sample")
    assert any("Voronoi cell" in entry.value for entry in app.markdown)


@pytest.mark.parametrize("step", [step.name for step in STEPS])
def test_every_step_asks_its_question_and_computes(page, complete, step):
    app = at(page, step)
    spec = next(entry for entry in STEPS if entry.name == step)
    text = said(app)
    assert spec.question in text
    assert not app.error or step == "failures"
    assert all(name in text for name in spec.words)


def test_next_and_previous_walk_the_whole_way(page, complete):
    app = page("learn")
    assert button(app, "learn-previous").disabled
    for step in STEPS[1:]:
        button(app, "learn-next").click().run()
        assert not app.exception
        assert app.session_state["learn_step"] == step.name
    assert button(app, "learn-next").disabled
    button(app, "learn-previous").click().run()
    assert app.session_state["learn_step"] == STEPS[-2].name


def test_the_text_that_is_embedded_can_be_changed(page, complete):
    app = at(page, "embed")
    app.text_input[0].set_value("ships unload salt at the quay").run()
    assert app.dataframe[0].value.iloc[0, 0] == "Harbour quay"


def test_a_cache_weighs_what_the_models_configuration_says(page, complete, tiny_lm):
    app = at(page, "kv-cache")
    tokens = len(tiny_lm.prompt.context(load_cells(complete)[0]))
    assert f"{tokens:,} tokens" in said(app)
    assert f"{tokens * tiny_lm.kv_bytes_per_token / 1e6:.1f}" in app.latex[0].value


def test_the_injected_cache_says_what_reading_says(page, complete, monkeypatch):
    monkeypatch.setitem(registry.METHODS, "cag", replace(registry.METHODS["cag"], open=Cag))
    app = at(page, "inject")
    button(app, "learn-inject").click().run()
    assert not app.exception
    assert "word for word the same" in said(app)


def test_z_is_trained_live_and_forgotten(page, complete, models):
    before = pipeline.open_memory(complete, models).pool.ids
    app = at(page, "training")
    app.slider(key="learn_training_steps").set_value(4).run()
    button(app, "learn-train").click().run()
    assert not app.exception
    assert "after 4 steps" in said(app)
    assert pipeline.open_memory(complete, models).pool.ids == before


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("Border questions", "nearest to a border"),
        ("Stale caches", "may be used"),
        ("Routed right, said wrong", "Nothing has been asked"),
        ("Crammed vectors", "Reciting is not answering"),
    ],
)
def test_every_failure_is_shown(page, complete, kind, says):
    app = at(page, "failures")
    app.session_state["learn_failure"] = kind
    app.run()
    assert not app.exception
    assert says in said(app)


def test_what_memory_says_is_held_against_the_passage(page, complete):
    app = at(page, "failures")
    app.session_state["learn_failure"] = "Routed right, said wrong"
    app.run()
    button(app, "learn-wrong").click().run()
    assert not app.exception
    assert "ROUGE-L" in said(app) and "Gold answer: Tess Quill" in said(app)


def test_what_was_measured_is_put_on_one_account(page, complete):
    app = at(page, "cost")
    button(app, "learn-cost").click().run()
    assert not app.exception
    assert "Least: " in said(app)
    app.select_slider(key="learn_ledger").set_value(10_000).run()
    assert "10,000 questions" in said(app)


def test_every_word_of_a_step_is_in_the_glossary():
    assert {name for step in STEPS for name in step.words} <= set(GLOSSARY)


def test_every_word_of_the_tour_is_there_in_korean():
    steps = {text for step in STEPS for text in (step.title, step.question)}
    terms = {text for term in GLOSSARY.values() for text in (term.name, term.meaning)}
    assert not (steps | terms | {BORDER, STALE, WRONG, CRAMMED}) - set(i18n.table("ko"))


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_every_step_speaks_korean(page, complete, step):
    app = page("learn", step=step.name, lang="ko")
    table, text = i18n.table("ko"), said(app)
    assert table[step.title] in text and table[step.question] in text
    assert step.question not in text
    assert all(table[name] in text for name in step.words)
    assert table[GLOSSARY["Centroid"].meaning] in text


@pytest.mark.parametrize(
    ("step", "key", "says"),
    [
        ("inject", "learn-inject", "두 답변은 한 글자도 다르지 않습니다."),
        ("training", "learn-train", "스텝 뒤에는"),
        ("cost", "learn-cost", "두 축 모두 로그 축입니다."),
    ],
)
def test_what_a_click_brings_is_in_korean_too(page, complete, monkeypatch, step, key, says):
    if step == "inject":
        monkeypatch.setitem(registry.METHODS, "cag", replace(registry.METHODS["cag"], open=Cag))
    app = page("learn", step=step, lang="ko")
    if step == "training":
        app.slider(key="learn_training_steps").set_value(4).run()
    button(app, key).click().run()
    assert not app.exception
    assert says in said(app)


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (BORDER, "경계에 가장 가까운 질문은"),
        (STALE, "이 블록을 쓸 수 있습니다"),
        (WRONG, "정답: Tess Quill"),
        (CRAMMED, "욱여넣은 벡터는"),
    ],
)
def test_every_failure_is_told_in_korean(page, complete, kind, says):
    app = page("learn", step="failures", lang="ko")
    app.session_state["learn_failure"] = kind
    app.run()
    if kind == WRONG:
        button(app, "learn-wrong").click().run()
    assert not app.exception
    assert says in said(app)
