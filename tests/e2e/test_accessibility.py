"""axe-core finds nothing serious on any page, in light and dark, in the states in which people meet it."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from app.navigation import PAGES
from tests.e2e.steps import ask, choose_arms, visit

pytestmark = [pytest.mark.browser, pytest.mark.real]
SERIOUS = ("serious", "critical")
QUESTION = "Which quarry supplied the blue slate for the houses of Brannoch?"
OF_STREAMLIT: dict[str, str] = {}
"""Selector of what Streamlit draws and an app cannot change, and why it is left to Streamlit."""


def findings(page) -> list[str]:
    """What axe has against the page, in a line for each element."""
    page.wait_for_timeout(500)  # colours fade in
    context = {"exclude": [[selector] for selector in OF_STREAMLIT]} if OF_STREAMLIT else None
    found = Axe().run(page, context=context).response["violations"]
    return [
        f"{entry['id']}: {node['html'][:160]} {node['failureSummary']}"
        for entry in found
        if entry["impact"] in SERIOUS
        for node in entry["nodes"]
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_has_serious_findings(tab, theme):
    page = tab(color_scheme=theme)
    against = {}
    for name in PAGES:
        visit(page, name)
        against[name] = findings(page)
    visit(page, "compare")
    choose_arms(page, "rag", "closed-book")
    ask(page, QUESTION)
    against["compare, answered"] = findings(page)
    assert not {name: found for name, found in against.items() if found}
