"""What the browser tests have in common: how a page is opened, a question asked, an ended script recognised.

Widgets are found by their keys, so that a test reads the same in every language; what the app says is looked up in the
same tables that the app speaks from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from playwright.sync_api import Locator, Page, expect

from app.i18n import table
from core.methods.registry import METHODS
from tests.e2e.documents import pdf

MOST_PRESSES = 200
"""Presses of an arrow key that cross the whole map."""
SETTLED = "[data-testid=stApp][data-test-script-state=notRunning]"


def settled(page: Page) -> None:
    """Waits until the page has drawn itself and its script has ended."""
    page.wait_for_selector("[data-testid=stMainBlockContainer] h1")
    page.wait_for_selector(SETTLED)
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)


def visit(page: Page, name: str, **query: str) -> None:
    """Opens a page of the app by its name."""
    asked = "&".join(f"{key}={value}" for key, value in query.items())
    page.goto(("/" if name == "start" else f"/{name}") + (f"?{asked}" if asked else ""))
    settled(page)


def keyed(page: Page, key: str, tag: str = "button") -> Locator:
    """The button (or another tag) of the widget that has this key."""
    return page.locator(f".st-key-{key} {tag}").first


def cross_a_border(page: Page, star: Locator, cell: Locator) -> None:
    """Moves the star by its keys until it stands in another cell than at first.

    Where the next border lies depends on the map, which every kind of processor lays out otherwise.
    """
    home = cell.inner_text()
    star.focus()
    for key in ("ArrowUp", "ArrowRight", "ArrowDown", "ArrowLeft"):
        for _ in range(MOST_PRESSES):
            if cell.inner_text() == home:
                page.keyboard.press(key)
    assert cell.inner_text() != home


def bring_pdf(page: Page, title: str, pages: Sequence[str], click: Callable[[Locator], None] = Locator.click) -> None:
    """From Start to Compare: a PDF is brought, all that the methods need is built from it, and it can be asked.

    Args:
        click: Clicks, and may count.
    """
    click(keyed(page, "go-bring"))
    with page.expect_file_chooser() as chooser:
        click(keyed(page, "uploads"))
    chooser.value.set_files({"name": "own.pdf", "mimeType": "application/pdf", "buffer": pdf(title, pages)})
    click(keyed(page, "upload-build"))
    # The sample's page has such a link, too: the one of the new workspace is meant, once it is built.
    expect(keyed(page, "workspace", "input")).to_have_value("my-documents")
    settled(page)  # until then the page still shows the link of the workspace before, and no job
    expect(page.locator(".st-key-job-panel")).to_have_count(0)
    to_compare = page.locator(".st-key-corpus-ask").get_by_test_id("stPageLink-NavLink")
    expect(to_compare).to_be_visible()
    click(to_compare)
    expect(keyed(page, "ask_question", "input")).to_be_visible()
    settled(page)


def method(page: Page, name: str) -> Locator:
    """The column of a method on the Compare page."""
    return page.locator(f".st-key-method-{name}")


def answer_of(page: Page, name: str) -> str:
    """What a method has answered, at rest."""
    return words_of(page, name).inner_text().strip()


def words_of(page: Page, name: str) -> Locator:
    """The words of a method's answer, at rest."""
    return page.locator(f".st-key-answer-{name} [data-testid=stText]")


def ask(page: Page, question: str) -> None:
    """Types a question on the Compare page, presses Enter and waits for the last answer."""
    unfold(page)
    box = keyed(page, "ask_question", "input")
    box.fill(question)
    box.press("Enter")
    answered(page)


def unfold(page: Page) -> None:
    """Opens the form of the Compare page, which folds into a line once something was asked."""
    change = keyed(page, "ask-change")
    if change.count():
        change.click()
        expect(keyed(page, "ask_question", "input")).to_be_visible()
        settled(page)


def answered(page: Page) -> None:
    """Waits until all answers are there."""
    expect(page.locator(".st-key-timing")).to_be_visible()
    settled(page)


def chosen_methods(page: Page) -> Locator:
    """The methods on the Compare page that are pressed."""
    return page.locator(":is(.st-key-ask_methods, .st-key-ask_controls) button[data-selected=true]")


def choose_methods(page: Page, *names: str) -> None:
    """Presses the methods on the Compare page so that these alone are chosen."""
    pressed = chosen_methods(page)
    for left in reversed(range(pressed.count())):
        pressed.first.click()
        expect(pressed).to_have_count(left)
    for name in names:
        key = "ask_controls" if METHODS[name].role == "control" else "ask_methods"
        pill = re.compile(rf"{re.escape(METHODS[name].label)}$")
        page.locator(f".st-key-{key} button").filter(has_text=pill).click()
    expect(pressed).to_have_count(len(names))


def said(language: str, text: str) -> str:
    """A text of the app in a language."""
    return table(language).get(text, text)
