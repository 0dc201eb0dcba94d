"""Every page opens in a browser, in both languages: with its title and without an error on it or in the console."""

import pytest
from playwright.sync_api import expect

from app.navigation import PAGES
from app.words import LANGUAGES
from tests.e2e.steps import said, visit

pytestmark = [pytest.mark.browser, pytest.mark.real]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_opens_without_an_error(page, language):
    for name, info in PAGES.items():
        visit(page, name, lang=language)
        expect(page.locator("h1")).to_have_text(said(language, info.heading or info.title))
        for kind in ("stException", "stAlertContentError"):
            expect(page.get_by_test_id(kind), name).to_have_count(0)
