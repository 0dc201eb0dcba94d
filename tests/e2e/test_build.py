"""A build of many cells is seen on every page, cancelled, and goes on where it stopped."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.steps import keyed, settled, visit

pytestmark = [pytest.mark.browser, pytest.mark.real]


def of_plain_model(page: Page) -> None:
    """Switches to the caches of the plain model, which the sample does not come with."""
    page.locator(".st-key-caches_reader button").filter(has_text="plain").click()
    settled(page)


def test_a_build_is_followed_cancelled_and_resumed(page):
    visit(page, "caches")
    of_plain_model(page)
    build = keyed(page, "cache-build")
    expect(build).to_contain_text(re.compile(r"Build [\d,]+ blocks|Go on building"))
    build.click()
    panel = page.locator(".st-key-job-panel")
    expect(panel).to_contain_text(re.compile(r"block ([2-9]|\d\d+) of \d+"))
    expect(build).to_be_disabled()
    page.reload()
    settled(page)
    expect(panel).to_contain_text("so far")
    keyed(page, "job-cancel").click()
    expect(panel).to_contain_text("stopped after")
    of_plain_model(page)
    expect(build).to_contain_text("Go on building")
    expect(build).to_be_enabled()
