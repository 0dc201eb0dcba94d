"""A memory learns one more document and forgets it again."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.steps import keyed, settled, visit

pytestmark = [pytest.mark.browser, pytest.mark.real, pytest.mark.slow]


def documents(page: Page) -> Locator:
    return page.get_by_test_id("stMetricValue").first


def view(page: Page, name: str) -> None:
    page.locator(".st-key-memory_view button").filter(has_text=name).click()
    settled(page)


def test_a_document_is_learned_and_forgotten(page):
    visit(page, "memory")
    before = int(documents(page).inner_text())
    view(page, "Learn a document")
    steps = keyed(page, "adapt_steps", "input")
    steps.focus()
    steps.press("Home")
    expect(page.locator(".st-key-adapt_steps [data-testid=stSliderThumbValue]")).to_have_text("5")
    settled(page)
    keyed(page, "adapt-start").click()
    expect(documents(page)).to_have_text(str(before + 1))
    view(page, "Edit or forget")
    expect(keyed(page, "change_choice", "input")).to_have_value(re.compile("learned later"))
    keyed(page, "forget").click()
    expect(documents(page)).to_have_text(str(before))
