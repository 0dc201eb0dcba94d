"""A newcomer with a PDF: from the first page to a three-way answer in under five clicks."""

from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator, expect

from app.navigation import PAGES
from tests.e2e.documents import pdf
from tests.e2e.steps import answer_of, arm, ask, keyed, said, settled

pytestmark = [pytest.mark.browser, pytest.mark.real]
MOST_CLICKS = 4


@dataclass(frozen=True)
class Newcomer:
    """Who comes, with which document, and what they ask of it."""

    language: str
    locale: str
    title: str
    pages: tuple[str, ...]
    question: str
    truth: str


ENGLISH = Newcomer(
    "en",
    "en-US",
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


@pytest.mark.parametrize("newcomer", [ENGLISH], ids=lambda newcomer: newcomer.language)
def test_an_own_pdf_answers_three_ways_in_under_five_clicks(tab, newcomer):
    page, clicks = tab(locale=newcomer.locale), Clicks()
    page.goto("/")
    settled(page)
    clicks.on(keyed(page, "go-bring"))
    with page.expect_file_chooser() as chooser:
        clicks.on(keyed(page, "uploads"))
    content = pdf(newcomer.title, newcomer.pages)
    chooser.value.set_files({"name": "bell.pdf", "mimeType": "application/pdf", "buffer": content})
    clicks.on(keyed(page, "upload-build"))
    to_compare = page.locator(".st-key-job-panel").get_by_test_id("stPageLink-NavLink")
    expect(to_compare).to_be_visible()
    clicks.on(to_compare)
    expect(page.locator("h1")).to_have_text(said(newcomer.language, PAGES["compare"].title))
    settled(page)
    ask(page, newcomer.question)

    assert clicks.count <= MOST_CLICKS
    answers = {name: answer_of(page, name) for name in ("rag", "cag")}
    for name in ("rag", "cag"):
        evidence = arm(page, name).get_by_test_id("stExpander").first
        evidence.locator("summary").click()
        expect(evidence).to_contain_text(newcomer.truth)
    assert newcomer.truth in answers["rag"]
