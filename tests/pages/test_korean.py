"""The pages in Korean: opened through a link, kept from page to page, and back."""

from __future__ import annotations

import re

from app import i18n
from core import pipeline
from core.jobs import Progress
from core.messages import message as said_by_core
from tests.pages.conftest import button, missing, said, wait_for_job

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
    assert button(app, "go-bring").label == "내 문서 가져오기"
    assert not ENGLISH.findall(text)


def test_a_build_is_told_in_the_language_of_who_looks(page, workspace, models, monkeypatch):
    def build():
        yield Progress("Embedding passages", 3, 10, said_by_core("{n:,} passages", n=3))

    monkeypatch.setattr(pipeline, "build_sample", build)
    app = page("start")
    button(app, "build-sample").click().run()
    wait_for_job(workspace.path)
    assert re.search("샘플 작업 공간 만들기: \\d+초 만에 끝났습니다.", said(page("start", lang="ko")))
    assert "Building the sample workspace: done in" in said(page("start"))


def test_a_corpus_is_shown_in_korean_and_its_text_as_it_is(page, prepared, tiny_corpus):
    app = page("corpus", lang="ko")
    text = said(app)
    assert app.title[0].value == "말뭉치"
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
    app.session_state[i18n.KEY] = "ko"
    app.run()
    assert "이 컴퓨터에 준비된 것" in said(app)
    assert app.query_params[i18n.PARAM] in ("ko", ["ko"])
    app.switch_page("../pages/corpus.py").run()
    assert app.title[0].value == "말뭉치"
    app.session_state[i18n.KEY] = "en"
    app.run()
    assert app.title[0].value == "Corpus"
    assert i18n.PARAM not in app.query_params


def test_a_comparison_is_told_in_korean(page, prepared, methods):
    methods.made["rag"].text = "Tess Quill"
    methods.broken["memory"] = missing()
    app = page("compare", lang="ko")
    assert "차례로 답합니다" in said(app)
    assert app.text_input(key="ask_question").label == "질문"
    app.text_input(key="ask_question").set_value("Who planted the pear orchard?")
    next(found for found in app.button if found.label == "질문하기").click()
    app.run()
    assert not app.exception
    text = said(app)
    assert "정답: Tess Quill" in text
    assert "표준 RAG" in text
    assert text.count("첫 토큰 **44 ms** · 마지막 **60 ms**") == 3
    badges = [entry.value for entry in app.markdown if "badge" in entry.value]
    assert sum("맞음" in badge for badge in badges) == 1
    assert "셀 1 · 마진 0.250 · 캐시 30토큰 · 프리필 120 · 생성 3" in text.replace("\\", "")
    assert sum("문단을 놓침" in badge for badge in badges) == 2
    assert any("문단 1개 · 답변이 들어 있지 않음" in box.label for box in app.expander)
    assert list(app.dataframe[0].value) == ["항목", "표준 RAG", "KV 캐시 CAG", "문서 없이"]
    assert {"첫 토큰", "프리필", "프리필 토큰"} <= set(app.dataframe[0].value["항목"])
    assert "Oren Pask built the <b>lighthouse</b>." in [entry.value for entry in app.text]


def test_a_question_that_is_lacking_is_asked_for_in_korean(page, prepared, methods):
    app = page("compare", lang="ko")
    next(found for found in app.button if found.label == "질문하기").click()
    app.run()
    assert [warning.value for warning in app.warning] == ["먼저 질문을 입력하세요."]


def test_chosen_methods_stay_when_the_language_changes(page, prepared, methods):
    app = page("compare")
    app.session_state["ask_methods"] = ["rag", "bm25"]
    app.session_state[i18n.KEY] = "ko"
    app.run()
    assert app.session_state["ask_methods"] == ["rag", "bm25"]
    assert not app.exception
