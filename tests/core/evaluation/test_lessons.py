import json
from dataclasses import asdict, replace

import pytest

from core.evaluation import lessons
from core.evaluation.lessons import (
    KINDS,
    Measured,
    choose,
    gold_for,
    known_question,
    measured,
    measured_with,
    suggestions,
)
from core.evaluation.summary import answers_of
from core.settings import Settings
from core.workspace import Workspace

SETTINGS = Settings()
ALL_RIGHT = {"rag": "right", "cag": "right", "memory": "right"}


def found(name, cells=(1,), margin=0.1, **verdicts):
    return Measured(name, {**ALL_RIGHT, **verdicts}, cells, margin, "cag")


EXAMPLES = {
    "all_right": found("a"),
    "border": found("b", (2,), memory="misread"),
    "two_passages": found("c", (1, 3), cag="missed"),
    "no_answer": found("d", (), rag="unsupported"),
    "only_reading": found("e", memory="declined"),
    "only_memory": found("g", rag="misread", cag="declined"),
}


@pytest.fixture
def saved(resources, tiny_corpus, monkeypatch, tmp_path):
    """Lessons that were measured on the tiny workspace, with a question that it cannot answer among them."""
    (dev,) = tiny_corpus.questions["dev"]
    without = next(question for question in lessons.candidates(tiny_corpus) if not question.answers)
    rows = [{"kind": "all_right", **asdict(found(dev.id))}, {"kind": "no_answer", **asdict(found(without.id, ()))}]
    path = tmp_path / "lessons.json"
    path.write_text(
        json.dumps({"created": "2026-01-02", "artefacts": measured_with(resources.workspace), "lessons": rows})
    )
    monkeypatch.setattr(lessons, "LESSONS", path)
    return dev, without


def test_every_kind_has_questions_that_no_other_kind_has():
    assert {name: [kind for kind in KINDS if KINDS[kind].shows(one)] for name, one in EXAMPLES.items()} == {
        name: [name] for name in KINDS
    }


@pytest.mark.parametrize(
    "nothing",
    [
        found("f", rag="misread", cag="misread", memory="misread"),
        found("f", rag="partly", cag="misread"),
        found("f", (3,)),
        found("f", (0,)),
        found("f", (2,), cag="wrong_cell"),
        found("f", (1, 2), rag="partly"),
        found("f", (), rag="unsupported", cag="unsupported", memory="unsupported"),
    ],
)
def test_a_question_may_show_nothing(nothing):
    assert choose([nothing]) == []


def test_the_best_of_every_kind_come_first_and_all_three_right_before_them():
    near, far = replace(EXAMPLES["border"], question_id="near", margin=0.01), EXAMPLES["border"]
    sure = replace(EXAMPLES["all_right"], question_id="sure", margin=0.9)
    chosen = choose([far, near, *EXAMPLES.values(), sure], each=2)
    assert [row["question_id"] for row in chosen] == ["sure", "near", "c", "d", "e", "g", "a", "b"]
    assert [row["kind"] for row in chosen[:6]] == list(KINDS)
    assert choose([*EXAMPLES.values(), sure, near], each=1) == chosen[:6]


def test_lessons_are_read_off_a_run(finished, tiny_corpus):
    run = measured(answers_of(finished("rag,cag,memory")))
    assert [one.question_id for one in run] == [q.id for group in tiny_corpus.questions.values() for q in group]
    for one in run:
        assert set(one.verdicts) == {"rag", "cag", "memory"} and len(one.cells) == 1 and one.cells[0] >= 1
        assert one.first in one.verdicts and 0 <= one.margin <= 1


def test_another_corpus_gets_held_out_questions_without_labels(resources, tiny_corpus):
    offered = suggestions(resources.workspace, tiny_corpus, SETTINGS, 2)
    assert [one.question.id for one in offered] == ["dev-0", "test-0"]
    assert not any(one.label or one.measured for one in offered)
    turned = suggestions(resources.workspace, tiny_corpus, SETTINGS, 2, turn=1)
    assert [one.question.id for one in turned] == ["test-0", "test-1"]
    assert suggestions(resources.workspace, replace(tiny_corpus, questions={}), SETTINGS, 2) == []


def test_lessons_carry_their_label_and_their_measurement(resources, tiny_corpus, saved):
    first, second = suggestions(resources.workspace, tiny_corpus, SETTINGS, 3)
    assert (first.question, second.question) == saved
    assert (first.label, second.label) == ("All three right, KV-cache CAG first", "No answer exists")
    assert first.measured == ("Measured on 2026-01-02: Standard RAG: right, KV-cache CAG: right, LLM-as-Memory: right.")
    assert suggestions(resources.workspace, tiny_corpus, SETTINGS, 1, turn=1) == [second]


def test_a_lesson_without_an_answer_is_known_to_have_none(resources, tiny_corpus, saved):
    _, without = saved
    gold = gold_for(f" {without.text.upper()}", resources.workspace, tiny_corpus, SETTINGS)
    assert gold == without and gold.answers == ()
    assert gold_for("Who?", resources.workspace, tiny_corpus, SETTINGS) is None
    assert gold_for(without.text, resources.workspace, tiny_corpus, replace(SETTINGS, top_k=1)) is None


def test_a_known_question_is_that_of_the_corpus_which_is_read_once(resources, tmp_path):
    own = replace(resources)
    (dev,) = own.corpus.questions["dev"]
    assert known_question(dev.text, own) is dev
    assert known_question(dev.text, replace(own, workspace=Workspace(tmp_path / "empty"))) is None


@pytest.mark.parametrize(
    "settings", [{"model": "other"}, {"reader": False}, {"top_k": 5}, {"engine_url": "http://127.0.0.1:1/v1"}]
)
def test_labels_hold_for_the_settings_they_were_measured_with_alone(resources, tiny_corpus, saved, settings):
    offered = suggestions(resources.workspace, tiny_corpus, replace(SETTINGS, **settings), 3)
    assert not any(one.label for one in offered) and offered[0].question.id == "dev-0"


@pytest.mark.parametrize("kind", ["corpus", "memory", "cells"])
def test_labels_hold_for_the_artefacts_they_were_measured_on_alone(resources, tiny_corpus, saved, kind):
    measured_on = json.loads(lessons.LESSONS.read_text())
    measured_on["artefacts"][kind] = "another"
    lessons.LESSONS.write_text(json.dumps(measured_on))
    assert not any(one.label for one in suggestions(resources.workspace, tiny_corpus, SETTINGS, 3))
