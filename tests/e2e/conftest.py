"""The app as a person meets it: a real server on the sample workspace, a real browser in front of it.

``TESSERA_E2E=http://127.0.0.1:8501 python -m pytest tests/e2e`` takes an app that runs already instead of starting one;
the tests build in its workspaces.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.sample import copy_sample

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, ConsoleMessage, Page

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
SCREEN = {"width": 1366, "height": 900}
START_S = 120
PATIENCE_MS = 400_000
"""A cold start of three models beside a browser takes 40 seconds on a fast pair of cores, and on a slow one four times
as long."""
_LINES: pytest.StashKey[list[str]] = pytest.StashKey()
NOT_OURS = "/_stcore/"
"""Streamlit looks for its own address under the page's address first, and finds it one step up."""


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[str]:
    """Address of the app, on a sample workspace of its own that ``python -m app sample`` has built."""
    if running := os.environ.get("TESSERA_E2E"):
        yield running
        return
    environment = {**own_folders(tmp_path_factory), "OMP_NUM_THREADS": "2"}
    copy_sample(Path(environment["TESSERA_WORKSPACES"]))
    with running_app(environment) as address:
        yield address


def own_folders(tmp_path_factory) -> dict[str, str]:
    """The environment of an app whose workspaces are its own, and empty."""
    folders = {name: str(tmp_path_factory.mktemp(name)) for name in ("workspaces", "redis")}
    own = {"TESSERA_WORKSPACES": folders["workspaces"], "TESSERA_REDIS_FOLDER": folders["redis"]}
    return {**os.environ, **own}


@contextmanager
def running_app(environment: Mapping[str, str]) -> Iterator[str]:
    """The address of an app that runs while the body does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    options = ["app/main.py", "--server.port", port, "--server.headless", "true"]
    command = [sys.executable, "-m", "streamlit", "run", *options]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/_stcore/health", process)
        yield address
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="session")
def browser():
    if CHROMIUM is None:
        if os.environ.get("TESSERA_REQUIRE_BROWSER"):
            pytest.fail("Chromium is not installed.")
        pytest.skip("Chromium is not installed.")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE_MS)  # five seconds by default: less than a slow machine needs for four answers
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture
def tab(browser, server) -> Iterator[Callable[..., Page]]:
    """Opens a fresh tab without a past, as ``tab(locale="ko-KR")``; the test fails when a page of it throws."""
    contexts: list[BrowserContext] = []
    thrown: list[str] = []

    def open_tab(**options: object) -> Page:
        context = browser.new_context(**{"viewport": SCREEN, "base_url": server, "locale": "en-US", **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: thrown.append(str(error)))
        page.on("console", lambda message: thrown.append(_where(message)) if _is_ours(message) else None)
        page.set_default_timeout(PATIENCE_MS)
        return page

    yield open_tab
    for context in contexts:
        context.close()
    assert thrown == []


@pytest.fixture
def report_line(request) -> Callable[[str], None]:
    """Prints a line after the run."""
    return request.config.stash.setdefault(_LINES, []).append


def pytest_terminal_summary(terminalreporter) -> None:
    """What the tests have measured."""
    for line in terminalreporter.config.stash.get(_LINES, []):
        terminalreporter.write_line(line)


@pytest.fixture
def page(tab) -> Page:
    """A fresh tab in English."""
    return tab()


def _is_ours(message: ConsoleMessage) -> bool:
    return message.type == "error" and NOT_OURS not in message.location.get("url", "")


def _where(message: ConsoleMessage) -> str:
    return f"{message.text} ({message.location.get('url', '')})"


def _wait_for(address: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.3)
    raise TimeoutError(address)
