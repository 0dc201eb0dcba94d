"""The main job without a mouse: the question is reached by Tab, asked and stopped by Enter, the focus in sight."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.steps import keyed, settled, visit

pytestmark = [pytest.mark.browser, pytest.mark.real]
QUESTION = "Which quarry supplied the blue slate for the houses of Brannoch?"
NAME = """() => {
  const element = document.activeElement
  return (element.getAttribute('aria-label') || element.innerText || element.tagName).trim().split('\\n').pop()
}"""
PLACE = """() => {
  const {x, y, width, height} = document.activeElement.closest('.stElementContainer').getBoundingClientRect()
  return {x: x - 6, y: y - 6, width: width + 12, height: height + 12}
}"""
BLUR = "() => { window.left = document.activeElement; window.left.blur() }"


def tab_to(page: Page, wanted: str, most: int = 40) -> list[str]:
    """Presses Tab until the focus is on the element of that name; returns what it passed on its way."""
    passed: list[str] = []
    for _ in range(most):
        page.keyboard.press("Tab")
        passed.append(page.evaluate(NAME))
        if passed[-1] == wanted:
            return passed
    raise AssertionError(f"{wanted!r} is not reached by Tab, but: {passed}")


def focus_is_seen(page: Page) -> bool:
    """Whether the widget that has the focus looks other than without it."""
    place = page.evaluate(PLACE)
    focused = page.screenshot(clip=place, animations="disabled")
    page.evaluate(BLUR)
    plain = page.screenshot(clip=place, animations="disabled")
    page.evaluate("() => window.left.focus()")
    return focused != plain


def test_a_question_is_reached_asked_and_stopped_by_keyboard(page):
    visit(page, "compare")
    tab_to(page, "Your question")
    assert focus_is_seen(page)
    page.keyboard.type(QUESTION)
    for name in ("Ask", "Standard RAG", "Closed book", "Passages to read", "Reader adapter"):
        tab_to(page, name)
        assert focus_is_seen(page), name
    keyed(page, "ask_question", "input").focus()
    page.keyboard.press("Enter")
    stop = keyed(page, "stop")
    expect(stop).to_be_visible()
    stop.focus()
    page.keyboard.press("Enter")
    expect(stop).to_have_count(0)
    settled(page)
    expect(page.get_by_text("Stopped.", exact=False)).to_be_visible()
