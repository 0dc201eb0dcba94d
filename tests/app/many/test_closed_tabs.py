"""A tab that is closed and a run that is stopped free what they held. Real server, real sessions."""

import time

import pytest

from tests.app.many.stage import KEPT_S
from tests.app.memory_by_owner import Footprint

QUESTION = "Who built the lighthouse of Velm?"
ARMS = ("rag", "closed-book", "cag", "bm25")


@pytest.fixture(autouse=True)
def nothing_is_left(served):
    """Whatever a test did to its tabs, the server is free afterwards."""
    yield
    served.until(lambda vitals: vitals["people"] == 0 and vitals["sessions"] == 0, "all turns are given back")


def people_are(served, number):
    served.until(lambda vitals: vitals["people"] == number, f"{number} in the queue")


def test_a_tab_that_is_closed_while_it_is_answered_gives_the_turn_back(served):
    before = served.vitals()["open"]
    with served.tab("compare", f"methods={','.join(ARMS)}&top_k=2") as tab:
        tab.ask(QUESTION)
        tab.until(lambda tab: tab.texts(), "the first word")
    people_are(served, 0)
    assert served.vitals()["open"] < before + len(ARMS)


def test_every_tab_sees_how_many_are_before_it_and_one_that_is_closed_counts_no_more(served):
    with served.somebody_else_has_the_turn():
        tabs = []
        for number in range(1, 4):
            tabs.append(served.tab("compare", "methods=rag"))
            tabs[-1].ask(QUESTION)
            people_are(served, number + 1)
            tabs[-1].until(lambda tab, n=number: f"waits for the model: {n} before you" in tab.said(), f"{number}")
        gone, second, third = tabs
        gone.close()
        people_are(served, 3)
        second.until(lambda tab: "waits for the model: 1 before you" in tab.said(), "second is next")
        third.until(lambda tab: "waits for the model: 2 before you" in tab.said(), "third moves up")
    for tab in (second, third):
        with tab:
            assert (
                served.answers_of("rag", {QUESTION: served.models.settings.top_k})[QUESTION] in tab.answered(1).texts()
            )


def test_stop_gives_the_place_up(served):
    with served.somebody_else_has_the_turn(), served.tab("compare", "methods=rag") as tab:
        tab.ask(QUESTION)
        people_are(served, 2)
        tab.until(lambda tab: tab.has("button", "stop"), "Stop is there")
        tab.rerun(tab.press("stop"))
        people_are(served, 1)
        tab.until(lambda tab: "Stopped" in tab.said(), "the page says so")


def test_a_page_that_needs_the_model_for_a_moment_waits_in_the_same_queue(served):
    with served.somebody_else_has_the_turn():
        for closed in (True, False):
            tab = served.tab("map").settled()
            tab.rerun(tab.type_into("map_question", QUESTION))
            tab.until(lambda tab: "waits for the model: 1 before you" in tab.said(), "the map waits")
            if closed:
                tab.close()
                people_are(served, 1)
    with tab:
        tab.until(lambda tab: "margin" in tab.said().lower(), "the question is placed")
        assert "before you" not in tab.settled().said()


def files_once_tabs_are_forgotten(served):
    """Open files when every session is gone but that of the tab whose end lets Streamlit drop the others."""
    time.sleep(KEPT_S)
    with served.tab() as last:
        last.settled()
    served.until(lambda vitals: vitals["sessions"] == 0, "the last tab is closed")
    return Footprint.now(served.process).open_files


def test_a_tab_that_is_gone_for_good_leaves_no_open_file_whatever_was_built_meanwhile(served):
    a_session = 3  # each has an event loop of its own
    before = files_once_tabs_are_forgotten(served)
    asking, *others = (
        served.tab(page, "methods=rag,cag").settled() for page in ("compare", "evaluate", "map", "learn")
    )
    assert Footprint.now(served.process).open_files > before + a_session * len(others)
    asking.ask(QUESTION)
    asking.answered(2)
    building = others[0]
    building.rerun(building.press("eval-start"))  # while it is polled, what is alive is kept from collections
    building.until(lambda tab: "Asking 2 questions of 5 methods: done in" in tab.said(), "the job has ended")
    for tab in (asking, *others):
        tab.close()
    served.until(lambda vitals: vitals["sessions"] == 0, "the tabs are closed")
    assert files_once_tabs_are_forgotten(served) < before + a_session
