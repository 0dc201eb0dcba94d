"""A link restores a comparison for somebody who has never been here: question, methods, settings, language."""

import pytest
from playwright.sync_api import expect

from core.methods.registry import METHODS
from tests.e2e.steps import ask, choose_methods, chosen_methods, keyed, settled, visit

pytestmark = [pytest.mark.browser, pytest.mark.real]
QUESTION = "Which quarry supplied the blue slate for the houses of Brannoch?"


def test_the_link_restores_question_methods_and_settings(page, tab):
    visit(page, "compare")
    choose_methods(page, "bm25", "closed-book")
    keyed(page, "ask_top_k", "input").fill("2")
    keyed(page, "ask_reader", "label").click()
    ask(page, QUESTION)
    page.get_by_test_id("stPopover").get_by_role("button", name="Link").click()
    link = page.get_by_test_id("stPopoverBody").locator("code").inner_text()
    assert link.partition("?")[0] == page.url.partition("?")[0]

    guest = tab()
    guest.goto(link)
    settled(guest)
    expect(keyed(guest, "ask_question", "input")).to_have_value(QUESTION)
    labels = [pill.inner_text().splitlines()[-1] for pill in chosen_methods(guest).all()]
    assert labels == [METHODS[name].label for name in ("bm25", "closed-book")]
    expect(keyed(guest, "ask_top_k", "input")).to_have_value("2")
    expect(keyed(guest, "ask_reader", "input")).not_to_be_checked()
    expect(guest.locator(".st-key-timing")).to_have_count(0)  # a link asks nothing by itself
