"""A newcomer with a PDF, in both languages: from the first page to a three-way answer in under five clicks."""

from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator, expect

from app.navigation import PAGES
from tests.e2e.steps import answer_of, ask, bring_pdf, method, said, settled, visit

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
KOREAN = Newcomer(
    "ko",
    "ko-KR",
    "아므렐 항구의 종",
    (
        "아므렐 항구의 유리 종은 1842년에 일사 바른이 만들었다. 종의 무게는 사십 킬로그램이고 세관 탑에 걸려 있다.",
        "오스크 강은 십일월부터 삼월까지 언다. 그동안 뱃사공들은 얼음을 잘라 어시장에 보낸다.",
    ),
    "유리 종은 누가 만들었나?",
    "일사 바른",
)


class Clicks:
    """Clicks, and counts them."""

    def __init__(self) -> None:
        self.count = 0

    def on(self, target: Locator) -> None:
        self.count += 1
        target.click()


@pytest.mark.parametrize(
    "newcomer", [ENGLISH, pytest.param(KOREAN, marks=pytest.mark.slow)], ids=lambda newcomer: newcomer.language
)
def test_an_own_pdf_answers_three_ways_in_under_five_clicks(tab, newcomer):
    page, clicks = tab(locale=newcomer.locale), Clicks()
    visit(page, "start")
    bring_pdf(page, newcomer.title, newcomer.pages, clicks.on)
    expect(page.locator("h1")).to_have_text(said(newcomer.language, PAGES["compare"].title))
    ask(page, newcomer.question)

    assert clicks.count <= MOST_CLICKS
    answers = {name: answer_of(page, name) for name in ("rag", "cag", "memory")}
    for name in ("rag", "cag"):
        evidence = method(page, name).get_by_test_id("stExpander").first
        evidence.locator("summary").click()
        expect(evidence).to_contain_text(newcomer.truth)
        evidence.locator("[class*=st-key-page-] button").first.click()
        expect(page.get_by_role("dialog").locator("img")).to_be_visible()
        settled(page)
        page.get_by_role("dialog").get_by_label("Close").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
    assert answers["memory"]  # read off the first z of the document, without any training
    if newcomer is ENGLISH:  # the default model speaks no Korean: it is shown the passage, and what it says is its own
        assert newcomer.truth in answers["rag"]
        assert newcomer.truth in answers["memory"]
