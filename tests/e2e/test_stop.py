"""An answer under way is stopped, and what was asked stays."""

import pytest
from playwright.sync_api import expect

from tests.e2e.steps import keyed, method, settled, unfold, visit

pytestmark = [pytest.mark.browser, pytest.mark.real]
QUESTION = "What do the petals of the fog orchid smell of?"


def test_stop_keeps_what_was_answered(page):
    visit(page, "compare")
    box = keyed(page, "ask_question", "input")
    box.fill(QUESTION)
    box.press("Enter")
    stop = keyed(page, "stop")
    expect(stop).to_be_visible()
    expect(box).to_have_count(0)
    stop.click()
    expect(stop).to_have_count(0)
    settled(page)
    expect(page.get_by_text("Stopped.", exact=False)).to_be_visible()
    expect(method(page, "closed-book")).to_contain_text("no answer: the run was stopped")
    unfold(page)
    expect(box).to_have_value(QUESTION)
