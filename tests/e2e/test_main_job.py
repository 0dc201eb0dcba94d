"""One question, three answers, in a real browser on the real default models."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.steps import answer_of, ask, keyed, method, settled, visit

pytestmark = [pytest.mark.browser, pytest.mark.real]
QUESTION = "Which quarry supplied the blue slate for the houses of Brannoch?"


def test_one_question_gets_three_answers_with_their_clocks_and_reasons(page):
    visit(page, "compare")
    ask(page, QUESTION)
    for name in ("rag", "cag", "memory", "closed-book"):
        expect(method(page, name)).to_contain_text("first token")
    assert "Carrick" in answer_of(page, "rag")
    expect(page.locator(".st-key-tokens")).to_be_visible()
    method(page, "rag").get_by_text(re.compile("words are in passage")).click()
    expect(page.locator("[class*=st-key-support-rag-]")).to_contain_text("Carrick")


def test_answers_and_clocks_are_above_the_fold_and_survive_a_reload(tab):
    page = tab(viewport={"width": 1366, "height": 768})
    visit(page, "compare")
    ask(page, QUESTION)
    places = [method(page, name) for name in ("rag", "cag", "memory", "closed-book")]
    for place in (*places, page.locator(".st-key-timing")):
        box = place.bounding_box()
        assert box and box["y"] >= 0 and box["y"] + min(box["height"], 200) < 768
    page.reload()
    settled(page)
    assert "Carrick" in answer_of(page, "rag")


def test_presenting_reveals_the_methods_one_by_one(page):
    visit(page, "compare")
    ask(page, QUESTION)
    keyed(page, "present").click()
    expect(page.get_by_test_id("stSidebar")).to_be_hidden()
    expect(method(page, "rag")).to_be_hidden()
    page.keyboard.press("1")
    expect(method(page, "rag")).to_be_visible()
    expect(method(page, "cag")).to_be_hidden()
    page.keyboard.press("ArrowRight")
    expect(method(page, "cag")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("stSidebar")).to_be_visible()
    expect(method(page, "closed-book")).to_be_visible()
