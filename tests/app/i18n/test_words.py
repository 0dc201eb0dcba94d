import pytest
import streamlit as st

from app import i18n
from app.i18n import duration, labels, t, tn
from core import units
from core.corpus.readers.registry import read_document
from core.errors import CorpusError, TesseraError
from core.messages import message


@pytest.fixture
def korean(monkeypatch):
    monkeypatch.setattr(i18n, "language", lambda: "ko")


def test_english_is_its_own_key(monkeypatch):
    monkeypatch.setattr(i18n, "language", lambda: "en")
    assert t("Compare") == "Compare"
    assert tn(1, "{n:,} cell", "{n:,} cells") == "1 cell"
    assert tn(1204, "{n:,} cell", "{n:,} cells") == "1,204 cells"


def test_another_language_is_looked_up_and_filled(korean):
    assert t("Compare") == "비교"
    assert tn(1204, "{n:,} cell", "{n:,} cells") == "셀 1,204개"


def test_what_core_has_filled_is_said_anew(korean):
    assert t(message("{n:,} passages", n=1204)) == "문단 1,204개"
    assert t(message("Building the {store} index", store=message("LanceDB flat"))) == "LanceDB flat 인덱스 만드는 중"
    error = TesseraError(message("Building {name}", name="Start"), "Wait for it to end, or cancel it.")
    assert (
        t(error.message) == "Start 만들기 끝날 때까지 기다리거나 취소하세요."
    )  # a value that only looks like a key stays


def test_a_refused_file_is_told_where_and_why(korean):
    with pytest.raises(CorpusError) as refusal:
        read_document("notes.csv", b"when,who\nmonday,Oren Pask\n")
    told = t(refusal.value.message)
    assert told.startswith("notes.csv 1행: 본문이 담긴 열이 없습니다. 있는 열: when, who. 본문이 담긴 열을")
    assert str(refusal.value).startswith("notes.csv, line 1, has no column for the text; its columns are: when, who.")


def test_labels_know_their_words_before_they_are_asked(monkeypatch):
    monkeypatch.setattr(i18n, "language", lambda: "ko")
    label = labels({"rag": "Standard RAG"})
    monkeypatch.setattr(i18n, "language", lambda: "en")
    assert (label("rag"), label("harbour")) == ("표준 RAG", "harbour")


def test_waits_are_said_in_the_language(korean):
    assert [duration(s) for s in (8.2, 125, 4_320, 6_652_800)] == ["8초", "2분 05초", "1시간 12분", "77일"]


def test_waits_are_those_of_the_figures_in_english(monkeypatch):
    monkeypatch.setattr(i18n, "language", lambda: "en")
    assert [duration(s) for s in (8.2, 125, 4_320)] == [units.duration(s) for s in (8.2, 125, 4_320)]


def test_what_a_table_lacks_is_said_in_english(korean):
    assert t("Nobody has translated {what}.", what="this") == "Nobody has translated this."


def test_braces_stand_when_nothing_is_to_be_filled(korean):
    assert t('{"a": 1}') == '{"a": 1}'


def test_a_choice_goes_before_the_link_and_the_browser(monkeypatch):
    monkeypatch.setattr(st, "session_state", {i18n.KEY: "en"})
    monkeypatch.setattr(st, "query_params", {i18n.PARAM: "ko"})
    assert i18n.language() == "en"
    monkeypatch.setattr(st, "session_state", {})
    assert i18n.language() == "ko"
    monkeypatch.setattr(st, "query_params", {i18n.PARAM: "klingon"})
    assert i18n.language() == "en"
