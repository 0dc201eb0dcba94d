"""The star is pulled over a border with the keyboard: the cell changes, and is said."""

import pytest
from playwright.sync_api import expect

from tests.e2e.steps import cross_a_border, keyed, settled, visit

pytestmark = [pytest.mark.browser, pytest.mark.real]
QUESTION = "What do the petals of the fog orchid smell of?"


def test_the_star_crosses_a_border_by_keyboard_and_comes_home(page):
    visit(page, "map")
    box = keyed(page, "map_question", "input")
    box.fill(QUESTION)
    box.press("Enter")
    page.locator(".st-key-map_drag label").first.click()
    star = page.get_by_role("application")
    expect(star).to_be_visible()
    settled(page)
    said = page.locator(".st-key-star [aria-live=polite]")
    cell, share = said.locator(".cell"), page.locator(".st-key-star .share")
    home = cell.inner_text()
    assert "orchid" in home and share.inner_text() == "0 %"
    cross_a_border(page, star, cell)
    assert cell.inner_text() != home and share.inner_text() != "0 %"
    page.keyboard.press("Home")
    assert (cell.inner_text(), share.inner_text()) == (home, "0 %")
