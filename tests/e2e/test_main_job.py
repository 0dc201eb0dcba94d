"""One question, three answers, in a real browser on the real default models."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.steps import answer_of, arm, ask, visit

pytestmark = [pytest.mark.browser, pytest.mark.real]
QUESTION = "Which quarry supplied the blue slate for the houses of Brannoch?"


def test_one_question_gets_three_answers_with_their_clocks_and_reasons(page):
    visit(page, "compare")
    ask(page, QUESTION)
    for name in ("rag", "cag", "memory", "closed-book"):
        expect(arm(page, name)).to_contain_text("First token")
    assert "Carrick" in answer_of(page, "rag")
    expect(page.get_by_text("The numbers", exact=True)).to_be_visible()
    arm(page, "rag").get_by_text(re.compile("^Evidence")).click()
    expect(page.locator("[class*=st-key-support-rag-]")).to_contain_text("Carrick")
