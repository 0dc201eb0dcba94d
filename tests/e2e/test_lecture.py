"""A lecture without preparation: the first suggestion, right in all three; reveal; drag over a border; predict."""

import pytest
from playwright.sync_api import expect

from app.learn.recorded import recorded
from app.learn.registry import STEPS
from core.evaluation.lessons import lesson_rows
from core.evaluation.verdict import VERDICTS
from core.methods.registry import main_methods
from tests.e2e.steps import answered, cross_a_border, keyed, method, settled, visit, words_of

pytestmark = [pytest.mark.browser, pytest.mark.real]


def test_a_lecture_needs_no_preparation(tab):
    page = tab(viewport={"width": 1366, "height": 768})
    visit(page, "compare")
    keyed(page, "suggestion-0").click()
    answered(page)
    assert set(lesson_rows()[0]["verdicts"].values()) == {"right"}
    for name in main_methods():
        expect(method(page, name)).to_contain_text(VERDICTS["right"].label)

    keyed(page, "present").click()
    # The words themselves: a hidden frame may hold visible text.
    for name in main_methods():
        expect(words_of(page, name)).to_be_hidden()
    page.keyboard.press("Space")
    expect(words_of(page, "rag")).to_be_visible()
    expect(words_of(page, "cag")).to_be_hidden()
    page.locator(".present-next").click()
    page.keyboard.press("Space")
    for name in main_methods():
        expect(words_of(page, name)).to_be_visible()
    page.locator(".present-end").click()
    expect(keyed(page, "ask-change")).to_be_visible()

    visit(page, "learn", step="cell")
    step = next(step for step in STEPS if step.name == "cell")
    keyed(page, f"guess-cell-{step.predict().right}").click()
    star = page.get_by_role("application")
    expect(star).to_be_visible()
    settled(page)
    cell, answer = (page.locator(f".st-key-star [aria-live=polite] .{name}") for name in ("cell", "answer"))
    home, said = cell.inner_text(), answer.inner_text()
    cross_a_border(page, star, cell)
    assert cell.inner_text() != home and answer.inner_text() != said


def test_exhibits_answer_at_once_and_by_keyboard(page):
    visit(page, "learn", step="z")
    keyed(page, "guess-z-skip").click()
    words = page.locator(".exhibit.words .word")
    expect(words.first).to_be_visible()
    settled(page)
    whole = page.locator(".exhibit.words .result .large").inner_text()
    took = page.evaluate(
        """() => {
          const root = document.querySelector(".st-key-show-words").querySelector("*")
          const find = (node) => node.querySelector?.(".exhibit") ??
            [...(node.querySelectorAll?.("*") ?? [])].map((e) => e.shadowRoot && find(e.shadowRoot)).find(Boolean)
          const exhibit = find(document)
          const times = [...exhibit.querySelectorAll(".word")].map((word) => {
            const before = performance.now()
            word.click()
            exhibit.getBoundingClientRect()
            return performance.now() - before
          })
          return Math.max(...times)
        }"""
    )
    assert took < 100
    record = recorded("z")
    said = [one["answer"] for one in record["without"]]
    words.nth(next(n for n, answer in enumerate(said) if answer != record["stages"][-1]["answer"])).focus()
    page.keyboard.press("Enter")
    assert page.locator(".exhibit.words .result .large").inner_text() != whole
