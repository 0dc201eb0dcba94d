"""The panels of the Caches page that measure: exactness, and joined blocks."""

import pytest

from app import state
from core.models.language_model import LanguageModel
from tests.pages.conftest import button, said, wait_for_job


def table(app, column):
    return next(frame.value for frame in app.dataframe if column in frame.value)


@pytest.fixture
def own_model(monkeypatch, tiny_lm):
    monkeypatch.setattr(LanguageModel, "load", lambda variant, settings: tiny_lm)


def test_exactness_is_measured_by_one_click(page, clustered, models, own_model):
    app = page("caches")
    assert not any("check" in frame.value for frame in app.dataframe)
    button(app, "verify").click().run()
    assert wait_for_job(clustered.path).state.value == "done"
    app.run()
    results = list(table(app, "check")["result"])
    assert results.count("✓ passed") == 5 and "✗ failed" not in results
    assert "as its text does" in said(app)


def test_what_was_measured_stays_when_the_job_is_forgotten(page, clustered, models, own_model):
    app = page("caches")
    button(app, "verify").click().run()
    wait_for_job(clustered.path)
    app.run()
    state.board().clear(str(clustered.path))
    app.run()
    assert len(table(app, "check")) >= 5  # bfloat16 has two more


def test_a_cache_that_is_not_exact_is_an_error(page, clustered, models, own_model, monkeypatch):
    monkeypatch.setattr("core.labs.benchmarks.cache_exactness.LOGIT_BOUND", -1.0)
    app = page("caches")
    button(app, "verify").click().run()
    wait_for_job(clustered.path)
    app.run()
    assert any("Not exact" in error.value for error in app.error)


def test_independent_blocks_are_compared_with_the_full_prefill(page, clustered, models):
    app = page("caches")
    app.text_input(key="link-question").set_value("Who built the lighthouse of Velm?")
    next(entry for entry in app.button if entry.label == "Compare").click().run()
    assert wait_for_job(clustered.path).state.value == "done"
    app.run()
    points = table(app, "link")
    assert list(points["link"]) == ["0", "8", "16", "32", "all"]
    assert points["same"].iloc[-1] == "✓ the same"


def test_comparing_without_a_question_says_so(page, clustered, models):
    app = page("caches")
    next(entry for entry in app.button if entry.label == "Compare").click().run()
    assert "Type a question" in said(app)
