"""Every page opens in a browser: with its title, without an error on it or in the console, open to everybody.

axe-core looks at each for what keeps people out: text too faint to read, pictures and fields without a name.
"""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from app.learn.registry import STEPS
from app.navigation import PAGES
from tests.e2e.steps import ask, choose_methods, keyed, said, settled, visit

pytestmark = [pytest.mark.browser, pytest.mark.real, pytest.mark.slow]
SERIOUS = ("serious", "critical")
QUESTION = "Which quarry supplied the blue slate for the houses of Brannoch?"
OF_STREAMLIT: dict[str, str] = {
    '[data-testid="stSidebarNavItems"]': "with groups of pages it puts a box between the list and its items",
}
"""Selectors of what Streamlit draws and an app cannot change, each with the reason why it is left out."""


def findings(page: Page) -> list[str]:
    """What axe has seriously against a page, in a line for each element."""
    page.wait_for_timeout(500)  # colours fade in
    context = {"exclude": [[selector] for selector in OF_STREAMLIT]} if OF_STREAMLIT else None
    return [
        f"{entry['id']}: {node['html'][:160]} {node['failureSummary']}"
        for entry in Axe().run(page, context=context).response["violations"]
        if entry["impact"] in SERIOUS
        for node in entry["nodes"]
    ]


@pytest.mark.parametrize(("theme", "language"), [("light", "en"), ("dark", "ko")])
def test_every_page_opens_for_everybody(tab, theme, language):
    page, against = tab(color_scheme=theme), {}
    for name, info in PAGES.items():
        visit(page, name, lang=language)
        expect(page.locator("h1")).to_have_text(said(language, info.heading or info.title))
        for kind in ("stException", "stAlertContentError"):
            expect(page.get_by_test_id(kind), name).to_have_count(0)
        against[name] = findings(page)
    assert not {name: found for name, found in against.items() if found}


@pytest.mark.parametrize(("theme", "language"), [("light", "en"), ("dark", "ko")])
def test_every_step_of_the_tour_is_open_to_everybody(tab, theme, language):
    page, against = tab(color_scheme=theme), {}
    for step in STEPS:
        visit(page, "learn", step=step.name, lang=language)
        keyed(page, f"guess-{step.name}-skip").click()
        expect(keyed(page, f"guess-{step.name}-skip")).to_have_count(0)
        settled(page)
        against[step.name] = findings(page)
    assert not {name: found for name, found in against.items() if found}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_answers_are_open_to_everybody(tab, theme):
    page = tab(color_scheme=theme)
    visit(page, "compare")
    choose_methods(page, "rag", "closed-book")
    ask(page, QUESTION)
    assert findings(page) == []
