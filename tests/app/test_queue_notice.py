import threading

from streamlit.delta_generator import DeltaGenerator
from streamlit.testing.v1 import AppTest

from app.queue_notice import attend, queue_line
from core.fair_lock import FairLock
from tests.turns import PATIENCE_S, queued, taken


def test_where_there_is_no_page_one_waits_without_a_word():
    turns = FairLock()
    with taken(turns) as give_back, turns.ticket() as ticket:
        threading.Timer(0.1, give_back).start()
        attend(ticket)
        assert ticket.ahead == 0


def test_a_page_tells_how_many_are_before_it_and_forgets_it_when_its_turn_has_come(monkeypatch):
    turns, told, write = FairLock(), [], DeltaGenerator.caption
    turns.attend = attend

    def caption(place, text):
        told.append(text)
        give_back()
        return write(place, text)

    def page(turns):
        import streamlit as st

        with turns:
            st.text("its turn")

    monkeypatch.setattr(DeltaGenerator, "caption", caption)
    with taken(turns) as give_back:
        app = AppTest.from_function(page, args=(turns,), default_timeout=PATIENCE_S).run()
    assert not app.exception
    assert set(told) == {":material/hourglass_top: waits for the model: 1 before you"}
    assert [text.value for text in app.text] == ["its turn"]
    assert not app.caption
    assert queued(turns) == 0


def test_it_is_said_in_words():
    assert queue_line(1) == "waits for the model: 1 before you"
    assert queue_line(1204) == "waits for the model: 1,204 before you"
