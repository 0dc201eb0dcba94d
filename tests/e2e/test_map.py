"""The map in a real browser: a question is routed, passages are picked with a box and asked about."""

import pytest
from playwright.sync_api import expect

from tests.e2e.steps import keyed, settled, visit

pytestmark = [pytest.mark.browser, pytest.mark.real]
QUESTION = "What do the petals of the fog orchid smell of?"


def test_a_question_is_followed_and_its_neighbourhood_asked_about(page):
    visit(page, "map")
    box = keyed(page, "map_question", "input")
    box.fill(QUESTION)
    box.press("Enter")
    expect(page.get_by_text("The question falls into", exact=False)).to_be_visible()
    settled(page)
    plot = page.locator(".js-plotly-plot").first
    plot.hover()
    plot.locator(".modebar-btn[data-val=select]").click()
    area = plot.bounding_box()
    assert area is not None
    page.mouse.move(area["x"] + 0.1 * area["width"], area["y"] + 0.1 * area["height"])
    page.mouse.down()
    page.mouse.move(area["x"] + 0.9 * area["width"], area["y"] + 0.8 * area["height"], steps=8)
    page.mouse.up()
    expect(page.locator(".st-key-picked")).to_contain_text("passages picked")
    settled(page)
    choice = keyed(page, "picked_question", "input")
    choice.click()
    choice.press("Control+a")
    choice.press_sequentially(QUESTION)
    # Enter takes what the list has highlighted: before it has caught up with the typing, that is another question.
    expect(page.get_by_role("option").first).to_contain_text(QUESTION)
    choice.press("Enter")
    expect(choice).to_have_value(QUESTION)
    settled(page)
    keyed(page, "picked-ask").click()
    expect(page.locator("h1")).to_have_text("Compare")
    expect(keyed(page, "ask_question", "input")).to_have_value(QUESTION)
