"""Memory of the whole app while people come and go: each looks at some pages, asks and leaves.

python -m tests.app.many.footprint --people 20 --questions 2      # the app itself, on the sample

Needs requirements-dev.txt. Streamlit keeps the session of a closed tab for two minutes, should it come back, and drops
it when the next tab is closed: hence the rest after the last person, and the one who comes after it.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle, islice

from app.navigation import PAGES
from core.corpus.sample import load_sample
from core.settings import ROOT
from tests.app.many.conftest import PATIENCE_S, wait_for
from tests.app.many.tab import Tab
from tests.app.memory_by_owner import Footprint

METHODS = ("rag", "cag", "memory")
_PAGES_A_PERSON = 3


def visit(port: int, questions: list[str], pages: list[str], methods: tuple[str, ...]) -> None:
    """One person: a tab for each page and for each question, one after another."""
    for page in pages:
        with Tab(port, page) as tab:
            tab.settled()
    for question in questions:
        with Tab(port, "compare", f"methods={','.join(methods)}") as tab:
            tab.ask(question)
            tab.answered(len(methods))


def measure(
    port: int,
    process: int,
    people: int,
    asked: Iterator[str],
    count: int,
    methods: tuple[str, ...],
    scratch: str = "",
) -> Iterator[Footprint]:
    """The footprint of a server before the first person and after each.

    Args:
        process: The server's.
        asked: Questions; each person asks ``count`` of them.
        scratch: The server's temporary folder.
    """
    pages = cycle(name for name in PAGES if name not in ("start", "compare"))
    yield Footprint.now(process, scratch)
    for _ in range(people):
        visit(port, list(islice(asked, count)), list(islice(pages, _PAGES_A_PERSON)), methods)
        yield Footprint.now(process, scratch)


@contextmanager
def _app(scratch: str) -> Iterator[tuple[int, int]]:
    """Port and process of the app as people start it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = (sys.executable, "-m", "streamlit", "run", "app/main.py", "--server.port", str(port))
    environment = {**os.environ, "TMPDIR": scratch}
    process = subprocess.Popen((*command, "--server.headless", "true"), cwd=ROOT, env=environment)
    try:
        wait_for(f"http://127.0.0.1:{port}/_stcore/health", process)
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE_S)


def main(say: Callable[[str], object] = print) -> None:
    """Measures the app on the sample and prints a line for each person."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--questions", type=int, default=2)
    parser.add_argument("--rest", type=float, default=130, help="seconds in which nobody comes")
    given = parser.parse_args()
    asked = cycle(question.text for group in load_sample().questions.values() for question in group)
    with tempfile.TemporaryDirectory() as scratch, _app(scratch) as (port, process):
        for number, took in enumerate(measure(port, process, given.people, asked, given.questions, METHODS, scratch)):
            say(f"{number:>3} people: {_line(took)}")
        time.sleep(given.rest)
        say(f"after {given.rest:.0f} s: {_line(Footprint.now(process, scratch))}")
        visit(port, [], ["learn"], METHODS)
        say(f"and a tab: {_line(Footprint.now(process, scratch))}")


def _line(took: Footprint) -> str:
    sizes = f"{took.resident / 1e6:,.0f} MB resident, {took.anonymous / 1e6:,.0f} in no file"
    counts = f"{took.threads} threads, {took.open_files} open files, {took.temporary_files} temporary files"
    return f"{sizes}, {counts}"


if __name__ == "__main__":
    main()
