"""A newcomer with a PDF: from the first page to an explained three-way answer, in under five clicks."""

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.documents import pdf
from tests.e2e.steps import answer_of, arm, ask, keyed, settled

pytestmark = [pytest.mark.browser, pytest.mark.real]
MOST_CLICKS = 4
BELL = (
    "The Bell of Port Amrel",
    (
        "The glass bell of Port Amrel was cast by Ilsa Varn in 1842. The bell weighs forty kilograms and hangs in the "
        "tower of the customs house. It rings once a day, at noon, and all the ships in the bay answer with a whistle.",
        "The river Osk freezes from November to March. Its ferrymen then become ice cutters and send blocks of ice, "
        "packed in straw, to the fish market, where they keep the catch fresh until the summer.",
    ),
    "Who cast the glass bell of Port Amrel?",
    "Ilsa Varn",
)


class Clicks:
    """Clicks, and counts them."""

    def __init__(self) -> None:
        self.count = 0

    def on(self, target: Locator) -> None:
        self.count += 1
        target.click()


def test_an_own_pdf_answers_three_ways_in_under_five_clicks(page):
    title, pages, question, truth = BELL
    clicks = Clicks()
    page.goto("/")
    settled(page)
    clicks.on(keyed(page, "go-bring"))
    with page.expect_file_chooser() as chooser:
        clicks.on(keyed(page, "uploads"))
    chooser.value.set_files({"name": "bell.pdf", "mimeType": "application/pdf", "buffer": pdf(title, pages)})
    clicks.on(keyed(page, "upload-build"))
    panel = page.locator(".st-key-job-panel")
    to_compare = panel.get_by_test_id("stPageLink-NavLink")
    expect(to_compare).to_be_visible()
    clicks.on(to_compare)
    expect(page.locator("h1")).to_have_text("Compare")
    settled(page)
    ask(page, question)

    assert clicks.count <= MOST_CLICKS
    for name in ("rag", "cag"):
        assert answer_of(page, name)
        evidence = arm(page, name).get_by_test_id("stExpander").first
        evidence.locator("summary").click()
        expect(evidence).to_contain_text(truth)
    # A memory is trained, not built in passing: the third column says so, and leads to the page that does it.
    expect(arm(page, "memory").get_by_test_id("stPageLink-NavLink")).to_have_attribute("href", re.compile("memory$"))
    assert truth in answer_of(page, "rag")
