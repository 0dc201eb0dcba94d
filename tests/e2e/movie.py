"""The README's moving picture: a question is asked, three answers stream, and their race is replayed.

``python -m tests.e2e.movie`` films a running app, by default the one of ``make run``. Frames are taken as the browser
draws them and shown exactly as long as they stood on the screen; nothing is sped up or cut out.
"""

from __future__ import annotations

import argparse
import base64
import io
import shutil
import time
from itertools import pairwise
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from app.views.compare.measures import RACE
from tests.e2e.steps import answered, choose_methods, keyed, settled, visit

ROOT = Path(__file__).resolve().parents[2]
WARM_UP = "Which quarry supplied the blue slate for the houses of Brannoch?"
QUESTION = "In which year was comet Threll discovered?"
METHODS = ("rag", "cag", "memory")
SIZE = {"width": 1440, "height": 860}
SHOWN = 1000
"""Pixels of the picture's width."""
REST_MS = 2_500
PATIENCE_MS = 400_000

Frames = list[tuple[float, bytes]]
"""Seconds at which a frame was drawn, and its picture."""


def film(page: Page, play: str) -> Frames:
    """Everything that is seen from asking the question to the end of the race."""
    frames: Frames = []
    session = page.context.new_cdp_session(page)

    def keep(event: dict) -> None:
        frames.append((event["metadata"]["timestamp"], base64.b64decode(event["data"])))
        session.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})

    session.on("Page.screencastFrame", keep)
    session.send("Page.startScreencast", {"format": "jpeg", "quality": 85, "everyNthFrame": 4})
    keyed(page, "ask_question", "input").press("Enter")
    answered(page)
    page.wait_for_timeout(REST_MS)
    page.locator(".st-key-more button").filter(has_text=play).click()
    settled(page)
    start = page.locator(".race-start").last
    page.locator(".race").last.evaluate("race => race.scrollIntoView({ block: 'center' })")
    page.wait_for_timeout(REST_MS / 2)
    start.click()
    page.wait_for_function("[...document.querySelectorAll('.race')].pop().querySelectorAll('.race-over').length >= 3")
    page.wait_for_timeout(REST_MS)
    session.send("Page.stopScreencast")
    frames.append((time.time(), page.screenshot()))  # the end may lie between two frames
    return frames


def write(frames: Frames, path: Path) -> None:
    """An animated WebP that shows every frame as long as it stood."""
    pictures, shown = [], []
    for (at, picture), (then, _) in pairwise([*frames, (frames[-1][0] + REST_MS / 1000, b"")]):
        image = Image.open(io.BytesIO(picture)).convert("RGB")
        height = round(image.height * SHOWN / image.width)
        pictures.append(image.resize((SHOWN, height), Image.Resampling.LANCZOS))
        shown.append(max(1, round(1000 * (then - at))))
    first, *rest = pictures
    first.save(path, save_all=True, append_images=rest, duration=shown, loop=0, quality=55, method=4)


def main() -> None:
    """Parses the command line and films."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="http://127.0.0.1:8501")
    parser.add_argument("--file", type=Path, default=ROOT / "assets" / "screenshots" / "compare.webp")
    chosen = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(viewport=SIZE, base_url=chosen.address, locale="en-US")
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        visit(page, "compare")
        choose_methods(page, *METHODS)
        box = keyed(page, "ask_question", "input")
        box.fill(WARM_UP)  # opens the methods, which no clock counts
        box.press("Enter")
        answered(page)
        keyed(page, "ask-change").click()
        settled(page)
        keyed(page, "ask_question", "input").fill(QUESTION)
        write(film(page, RACE), chosen.file)
        browser.close()


if __name__ == "__main__":
    main()
