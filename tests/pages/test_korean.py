"""The pages in Korean: opened through a link, kept from page to page, and back."""

from __future__ import annotations

import re

from app import words
from core import pipeline
from core.jobs import Progress
from core.said import said as said_by_core
from tests.pages.conftest import button, said, wait_for_job

ENGLISH = re.compile(
    r"\b(the|and|of|is|are|this|that|what|with|every|question|passages?|answer|cells?)\b", re.IGNORECASE
)


def test_a_link_opens_start_in_korean(page, settings, models):
    app = page("start", lang="ko")
    text = said(app)
    assert "이 컴퓨터에 준비된 것" in text
    assert "표준 RAG" in text
    assert "아직 없음" in text
    assert button(app, "build-sample").label == "샘플 만들기"
    assert any("문서 가져오기" in link.label for link in app.get("page_link"))
    assert not ENGLISH.findall(text)


def test_a_build_is_told_in_the_language_of_who_looks(page, workspace, models, monkeypatch):
    def build(ws, given):
        yield Progress("Embedding passages", 3, 10, said_by_core("{n:,} passages", n=3))

    monkeypatch.setattr(pipeline, "build_sample", build)
    app = page("start")
    button(app, "build-sample").click().run()
    wait_for_job(workspace.path)
    assert any(
        "샘플 작업 공간 만들기: 0초 만에 끝났습니다." in entry.value for entry in page("start", lang="ko").success
    )
    assert any("Building the sample workspace: done in" in entry.value for entry in page("start").success)


def test_a_corpus_is_shown_in_korean_and_its_text_as_it_is(page, prepared, tiny_corpus):
    app = page("corpus", lang="ko")
    text = said(app)
    assert "무엇을 알게 될까요" in text
    assert "문단 11개." in text
    assert app.text_input(key="corpus_search").label == "검색"
    assert next(metric.label for metric in app.metric) == "문단"
    assert app.selectbox(key="corpus_topic").options[0] == "모든 주제"
    table = app.dataframe[0]
    assert tiny_corpus.passages[0].title in table.value["title"].tolist()
    assert not ENGLISH.findall(text)


def test_an_empty_corpus_says_in_korean_what_to_do(page, settings, models):
    app = page("corpus", lang="ko")
    assert "이 작업 공간에는 아직 문단이 없습니다" in said(app)
    assert button(app, "choose-build").label == "가져오기"
    assert "지어낸 세계" in app.selectbox(key="choose_source").options[0]


def test_a_choice_stays_from_page_to_page_and_in_the_address(page, prepared, models):
    app = page("start")
    assert "Ready on this machine" in said(app)
    app.session_state[words.KEY] = "ko"
    app.run()
    assert "이 컴퓨터에 준비된 것" in said(app)
    assert app.query_params[words.PARAM] in ("ko", ["ko"])
    app.switch_page("../pages/corpus.py").run()
    assert "무엇을 알게 될까요" in said(app)
    app.session_state[words.KEY] = "en"
    app.run()
    assert "What does the model get to know?" in said(app)
    assert words.PARAM not in app.query_params
