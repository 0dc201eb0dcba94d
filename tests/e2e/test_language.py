"""The app in English and Korean: switched by hand, taken from the browser, carried by a link."""

import re

import pytest
from playwright.sync_api import Page, expect

from app.i18n import LANGUAGES
from app.navigation import PAGES
from tests.e2e.steps import keyed, said, settled, visit

pytestmark = [pytest.mark.browser, pytest.mark.real]
IN_KOREAN = re.compile("lang=ko")


def switch(page: Page, language: str) -> None:
    page.locator(".st-key-language button", has_text=LANGUAGES[language]).click()
    speaks(page, language)


def speaks(page: Page, language: str, name: str = "corpus") -> None:
    expect(page.locator("h1")).to_have_text(said(language, PAGES[name].title))
    settled(page)
    expect(page.locator("html")).to_have_attribute("lang", language)
    links = page.get_by_test_id("stSidebarNavLink").all_inner_texts()
    shown = [text.splitlines()[-1] for text in links]
    assert shown == [said(language, info.title) for info in PAGES.values()]


def go_to(page: Page, language: str, name: str) -> None:
    page.get_by_test_id("stSidebarNavLink").filter(has_text=said(language, PAGES[name].title)).click()
    speaks(page, language, name)


def test_the_language_is_switched_there_and_back_and_a_link_keeps_it(page, tab):
    visit(page, "corpus")
    speaks(page, "en")
    switch(page, "ko")
    expect(page).to_have_url(IN_KOREAN)
    guest = tab()
    guest.goto(page.url)
    speaks(guest, "ko")
    go_to(page, "ko", "memory")
    expect(page).to_have_url(IN_KOREAN)
    visit(page, "start", lang="ko")
    keyed(page, "go-bring").click()
    speaks(page, "ko")
    switch(page, "en")
    expect(page).not_to_have_url(re.compile("lang="))


def test_a_korean_browser_is_answered_in_korean(tab):
    page = tab(locale="ko-KR")
    visit(page, "corpus")
    speaks(page, "ko")
    assert "lang=" not in page.url
    switch(page, "en")
    expect(page).to_have_url(re.compile("lang=en"))
