"""The README's pictures, and every page in light and dark: ``make screenshots``.

Starts no server: give the address of a running app, by default the one of ``make run``.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from app.navigation import PAGES as PAGE_LIST

ROOT = Path(__file__).resolve().parents[2]
QUESTION = "What do the petals of the fog orchid smell of?"
PAGES = tuple(PAGE_LIST)
SETTLED = "[data-testid=stApp][data-test-script-state=notRunning]"


def prepare(page: Page, name: str) -> None:
    """Brings a page into the state worth showing."""
    page.goto("/" if name == "start" else f"/{name}")
    page.wait_for_selector(SETTLED)
    if name == "map":
        box = page.get_by_label("A question to place on the map")
        box.fill(QUESTION)
        box.press("Enter")
        page.wait_for_timeout(1500)
        page.wait_for_selector(SETTLED)
    if name == "compare":
        box = page.get_by_label("Your question")
        box.fill(QUESTION)
        box.press("Tab")
        page.get_by_role("button", name="Ask", exact=False).first.click()
        page.wait_for_selector(".st-key-timing")
        page.wait_for_selector(SETTLED)
    page.wait_for_timeout(2500)


def shoot(
    browser: Browser, address: str, theme: str, width: int, most: int, names: tuple[str, ...], folder: Path
) -> None:
    """Takes pictures of pages in one theme and width, of the whole page up to a height."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, base_url=address, color_scheme="dark" if theme == "dark" else "light"
    )
    page = context.new_page()
    page.set_default_timeout(120_000)
    for name in names:
        prepare(page, name)
        height = page.evaluate("document.querySelector('[data-testid=stMain]')?.scrollHeight || 900")
        page.set_viewport_size({"width": width, "height": min(int(height) + 40, most)})
        page.wait_for_timeout(800)
        page.screenshot(path=folder / f"{name}-{theme}.png")
        page.set_viewport_size({"width": width, "height": 900})
    context.close()


def main() -> None:
    """Parses the command line and takes the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="http://127.0.0.1:8501")
    parser.add_argument("--folder", type=Path, default=ROOT / "assets" / "screenshots")
    parser.add_argument("--themes", default="light")
    parser.add_argument("--width", type=int, default=1366)
    parser.add_argument("--height", type=int, default=4000, help="of a picture at most")
    parser.add_argument("--pages", default=",".join(PAGES))
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        for theme in chosen.themes.split(","):
            shoot(
                browser,
                chosen.address,
                theme,
                chosen.width,
                chosen.height,
                tuple(chosen.pages.split(",")),
                chosen.folder,
            )
        browser.close()


if __name__ == "__main__":
    main()
