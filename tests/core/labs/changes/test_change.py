"""What a change is, and what counts as knowing it."""

from dataclasses import replace

import pytest

from core.corpus.types import Passage, Question
from core.errors import TesseraError
from core.labs.changes.change import Change
from core.methods.base import Answer, Evidence
from core.trace import Trace

TRACE = Trace((), 0.0, 0.0, 0, 0, 0, 0)


def said(text, *passage_ids):
    return Answer("rag", "?", text, tuple(Evidence(name, "", "", 1.0) for name in passage_ids), TRACE)


def test_an_added_passage_comes_last_and_an_edited_one_keeps_its_row(addition, edit, tiny_corpus):
    assert addition.made_to(tiny_corpus).passages == (*tiny_corpus.passages, addition.passage)
    after = edit.made_to(tiny_corpus)
    assert after.passages[0] == edit.passage
    assert after.passages[1:] == tiny_corpus.passages[1:]


def test_a_deleted_passage_takes_its_questions_along(deletion, tiny_corpus):
    after = deletion.made_to(tiny_corpus)
    assert [passage.id for passage in after.passages] == [p.id for p in tiny_corpus.passages if p.id != "p8"]
    assert after.questions["dev"] == () and after.questions["test"] == tiny_corpus.questions["test"]


def test_old_questions_are_those_that_the_change_must_not_touch(edit, addition, tiny_corpus):
    asked = tiny_corpus.questions["train"]
    assert [question.id for question in edit.old_questions(asked)] == ["train-1"]
    own = replace(asked[1], text=addition.question.text.upper())
    assert addition.old_questions((asked[0], own)) == (asked[0],)


def test_after_an_addition_or_an_edit_an_accepted_answer_shows_it(addition):
    verdict = addition.verdict(said("It was ada brill.", "p1"))
    assert (verdict.known, verdict.holds, verdict.exact, verdict.from_passage) == (True, True, False, False)
    assert addition.verdict(said("Ada Brill", "horn")).exact
    assert not addition.verdict(said("Adabrill", "horn")).known


@pytest.mark.parametrize(
    ("answer", "evidence", "known"),
    [("Nobody", "p1", True), ("Nobody", "p8", False), ("Tess Quill", "p1", False), ("Tess Quill", "p8", False)],
)
def test_after_a_deletion_neither_the_answer_nor_the_passage_may_come_back(deletion, answer, evidence, known):
    assert deletion.verdict(said(answer, evidence)).known is known


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"kind": "move"}, "no change 'move'"),
        ({"passage": Passage("x", "", "  ")}, "no text"),
        ({"question": Question("q", " ", ("a",))}, "no question"),
        ({"question": Question("q", "Who?", (" ",))}, "without an answer"),
    ],
)
def test_what_is_no_change_is_refused(addition, changed, says):
    with pytest.raises(TesseraError, match=says):
        replace(addition, **changed)


def test_what_cannot_be_changed_is_refused(addition, edit, deletion, tiny_corpus):
    for change, says in (
        (replace(addition, passage=tiny_corpus.passages[0]), "already holds a passage 'p0'"),
        (replace(edit, passage=addition.passage), "holds no passage 'horn'"),
        (replace(deletion, passage=addition.passage), "holds no passage 'horn'"),
    ):
        with pytest.raises(TesseraError, match=says):
            change.made_to(tiny_corpus)
    alone = replace(tiny_corpus, passages=tiny_corpus.passages[8:9], questions={})
    with pytest.raises(TesseraError, match="only passage"):
        Change("delete", alone.passages[0], deletion.question).check(alone)
