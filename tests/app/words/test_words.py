import pytest
import streamlit as st

from app import words
from app.words import t, tn


@pytest.fixture
def korean(monkeypatch):
    monkeypatch.setattr(words, "language", lambda: "ko")


def test_english_is_its_own_key(monkeypatch):
    monkeypatch.setattr(words, "language", lambda: "en")
    assert t("Compare") == "Compare"
    assert tn(1, "{n:,} cell", "{n:,} cells") == "1 cell"
    assert tn(1204, "{n:,} cell", "{n:,} cells") == "1,204 cells"


def test_another_language_is_looked_up_and_filled(korean):
    assert t("Compare") == "비교"
    assert tn(1204, "{n:,} cell", "{n:,} cells") == "셀 1,204개"


def test_what_a_table_lacks_is_said_in_english(korean):
    assert t("Nobody has translated {what}.", what="this") == "Nobody has translated this."


def test_braces_stand_when_nothing_is_to_be_filled(korean):
    assert t('{"a": 1}') == '{"a": 1}'


def test_a_choice_goes_before_the_link_and_the_browser(monkeypatch):
    monkeypatch.setattr(st, "session_state", {words.KEY: "en"})
    monkeypatch.setattr(st, "query_params", {words.PARAM: "ko"})
    assert words.language() == "en"
    monkeypatch.setattr(st, "session_state", {})
    assert words.language() == "ko"
    monkeypatch.setattr(st, "query_params", {words.PARAM: "klingon"})
    assert words.language() == "en"
