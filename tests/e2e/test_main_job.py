"""One question, three answers, in a real browser on the real default models."""

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.real]
QUESTION = "Which quarry supplied the blue slate for the houses of Brannoch?"


def settled(page: Page) -> None:
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")


def ask(page: Page, question: str) -> None:
    page.goto("/compare")
    box = page.get_by_label("Your question")
    box.fill(question)
    box.press("Tab")
    page.get_by_role("button", name="Ask", exact=False).first.click()
    expect(page.locator(".st-key-timing")).to_be_visible()
    settled(page)


def test_one_question_gets_three_answers_with_their_clocks(page):
    ask(page, QUESTION)
    for arm in ("rag", "cag", "memory", "closed-book"):
        column = page.locator(f".st-key-arm-{arm}")
        expect(column).to_be_visible()
        expect(column).to_contain_text("First token")
    expect(page.locator(".st-key-arm-rag")).to_contain_text(re.compile("Carrick"))
    expect(page.get_by_text("The numbers", exact=True)).to_be_visible()


def test_the_link_restores_question_and_settings(page):
    ask(page, QUESTION)
    link = page.url
    assert "q=" in link
    page.goto("about:blank")
    page.goto(link)
    expect(page.get_by_label("Your question")).to_have_value(QUESTION)


def test_the_map_places_a_question(page):
    page.goto("/map")
    box = page.get_by_label("A question to place on the map")
    box.fill(QUESTION)
    box.press("Enter")
    expect(page.locator(".st-key-map .js-plotly-plot")).to_be_visible()
    expect(page.get_by_text(re.compile("margin", re.IGNORECASE)).first).to_be_visible()


@pytest.mark.parametrize("name", ["", "corpus", "map", "caches", "memory", "compare"])
def test_every_page_opens_without_an_error(page, name):
    page.goto(f"/{name}")
    settled(page)
    expect(page.locator("h1, h2").first).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.get_by_test_id("stAlertContentError")).to_have_count(0)
