"""The map in a real browser: the path of a question is played, passages are picked with a box and asked about."""

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
    plot.locator(".updatemenu-button").click(force=True)  # drawn by Plotly: it never stands still for a real click
    expect(plot.locator(".slider-label")).to_have_text(["question", "margin to the border", "cells opened", "passages"])
    # Plotly fails, without harm, on a selection between two frames of the path: it is played to its end first.
    page.wait_for_function("() => document.querySelector('.js-plotly-plot')._fullLayout._currentFrame === '3'")
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
    choice.fill(QUESTION)
    choice.press("Enter")
    settled(page)
    keyed(page, "picked-ask").click()
    expect(page.locator("h1")).to_have_text("Compare")
    expect(keyed(page, "ask_question", "input")).to_have_value(QUESTION)
