"""Twenty people ask at the same time, some of them build: nobody gets another's answer, and memory stays bounded."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from tests.app.many.conftest import CACHE_BYTES
from tests.app.many.tab import PATIENCE_S

JOB = "Asking 2 questions of 5 methods"
PEOPLE = int(os.environ.get("TESSERA_TEST_PEOPLE", "20"))
BUILDERS = 2
ARMS = ("rag", "cag")
_NAMES = ("Velm", "Sarn", "Oren", "Mira", "Ilan", "Tess", "Quill", "Dorr", "Pask", "Tolle")
QUESTIONS = tuple(
    f"{what} {name}?"
    for what in ("Who built the harbour lighthouse of", "Which library books belong to")
    for name in _NAMES
)[:PEOPLE]
_MOST_GROWTH = 300e6
PASSAGES = {question: 1 + number % 3 for number, question in enumerate(QUESTIONS)}


def ask(served, question, started):
    """One person: opens a tab, asks when all are there, reads, leaves."""
    # Different choices, as people make them: several methods of one kind are open at once.
    with served.tab("compare", f"methods={','.join(ARMS)}&top_k={PASSAGES[question]}") as tab:
        tab.settled()
        started.wait()
        tab.ask(question)
        tab.answered(len(ARMS))
        return question, tab.texts(), tab.said(), tab.everything_said()


def build(served, started):
    with served.tab("evaluate") as tab:
        start = tab.settled().press("eval-start")  # when the other's job has ended, the page shows its result instead
        started.wait()
        tab.rerun(start)
        tab.until(lambda tab: f"{JOB}: done in" in tab.said(), "the job has ended")


def test_twenty_people_at_once(served):
    began = served.vitals()
    with watched(served) as seen, ThreadPoolExecutor(PEOPLE + BUILDERS) as pool:
        started = threading.Barrier(PEOPLE + BUILDERS, timeout=PATIENCE_S)
        asked = [pool.submit(ask, served, question, started) for question in QUESTIONS]
        built = [pool.submit(build, served, started) for _ in range(BUILDERS)]
        tabs = [one.result() for one in asked]
        for one in built:
            one.result()
    expected = served.answers_of("cag", PASSAGES)
    assert len(set(expected.values())) > PEOPLE // 2  # else nothing would be told apart
    for question, texts, said, _ in tabs:
        assert f"### {question}" in said
        assert expected[question] in texts, question
        assert not (set(expected.values()) - {expected[question]}) & set(texts), question
    assert any("before you" in line for *_, lines in tabs for line in lines)
    assert max(len(vitals["building"]) for vitals in seen) == 1
    assert max(vitals["people"] for vitals in seen) > PEOPLE // 2
    assert max(vitals["resident"] for vitals in seen) <= CACHE_BYTES
    ended = served.until(lambda vitals: vitals["people"] == 0 and vitals["sessions"] == 0, "all turns are given back")
    assert ended["rss"] - began["rss"] < _MOST_GROWTH


@contextmanager
def watched(served):
    """What the server tells of itself meanwhile."""
    seen, done = [], threading.Event()

    def look():
        while not done.wait(0.1):
            seen.append(served.vitals())

    watching = threading.Thread(target=look)
    watching.start()
    try:
        yield seen
    finally:
        done.set()
        watching.join()
