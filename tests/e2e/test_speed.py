"""How long people wait: printed after the run, held to nothing, since other programs may take the processor."""

import time

import pytest
from playwright.sync_api import expect

from app.navigation import PAGES
from tests.e2e.steps import answered, choose_methods, keyed, method, settled, visit

pytestmark = [pytest.mark.browser, pytest.mark.real, pytest.mark.slow]
QUESTIONS = (
    "Which quarry supplied the blue slate for the houses of Brannoch?",
    "In which year was comet Threll discovered?",
)
WATCH = """() => {
  window.firstWords = {}
  const look = () => {
    for (const box of document.querySelectorAll("[class*='st-key-answer-'] [data-testid=stText]")) {
      const name = box.closest("[class*='st-key-answer-']").className.match(/st-key-answer-([a-z_-]+?)(-live)?( |$)/)[1]
      if (box.innerText.trim()) window.firstWords[name] ??= performance.now()
    }
  }
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true })
  document.addEventListener("keydown", (e) => e.key === "Enter" && (window.asked = performance.now()), true)
}"""


def test_from_a_click_to_the_drawn_page(page, report_line):
    visit(page, "start")
    for _ in range(2):  # the first time every script and figure is loaded
        took = {}
        for info in PAGES.values():
            link = page.get_by_test_id("stSidebarNavLink").filter(has_text=info.title).first
            before = time.perf_counter()
            link.click()
            expect(page.locator("h1")).to_have_text(info.heading or info.title)
            settled(page)
            took[info.title] = 1000 * (time.perf_counter() - before)
    report_line("click to drawn, ms: " + ", ".join(f"{title} {ms:,.0f}" for title, ms in took.items()))
    assert len(took) == len(PAGES)


def test_from_ask_to_the_first_visible_word(page, report_line):
    for question in QUESTIONS:
        visit(page, "compare")  # anew: the answers to the question before would be taken for words of this one
        choose_methods(page, "rag", "cag")
        box = keyed(page, "ask_question", "input")
        box.fill(question)
        page.evaluate(WATCH)
        box.press("Enter")
        answered(page)
    seen = page.evaluate("() => ({ asked: window.asked, ...window.firstWords })")
    first = seen["rag"] - seen["asked"]
    engine = method(page, "rag").get_by_text("first token").first.inner_text()
    report_line(f"Ask to the first visible word: {first:,.0f} ms; of it Standard RAG's own: {engine}")
    assert first > 0
