import json

import pytest

from core.corpus.duplicates import without_duplicates
from core.corpus.load import loading
from core.corpus.store import load, write_corpus
from core.corpus.types import Corpus, Passage
from core.errors import CorpusError, TesseraError
from core.evaluation.questions import draw, from_file, from_split
from core.workspace import Workspace


def content(*rows):
    return "\n".join(json.dumps(row) for row in rows).encode()


def question(number, **more):
    return {"id": f"q{number}", "question": "Who?", "answers": ["Oren"], "passage_id": "p0", **more}


def test_a_draw_repeats_and_a_smaller_one_is_part_of_it(tiny_corpus):
    pool = [*range(100)]
    assert draw(pool, 10, 1) == draw(pool, 10, 1) != draw(pool, 10, 2)
    assert set(draw(pool, 10, 1)) < set(draw(pool, 30, 1))
    assert list(draw(pool, 30, 1)) == sorted(draw(pool, 30, 1))
    assert draw(pool, None, 1) == draw(pool, 500, 1) == tuple(pool)


def test_a_file_may_name_one_passage_or_several_and_a_type(tiny_corpus):
    rows = (question(1), question(2, passage_ids=["p1", "p2"], type="bridge"), question(3, passage_id=None))
    asked = from_file("mine.jsonl", content(*rows), tiny_corpus)
    assert [q.passage_ids for q in asked.questions] == [("p0",), ("p1", "p2"), ()]
    assert asked.questions[1].kind == "bridge" and asked.outside == 0


def test_questions_about_other_passages_are_left_out_and_counted(tiny_corpus):
    asked = from_file("mine.jsonl", content(question(1), question(2, passage_id="elsewhere")), tiny_corpus)
    assert [q.id for q in asked.questions] == ["q1"] and asked.outside == 1
    with pytest.raises(TesseraError, match="workspace of their corpus"):
        from_file("mine.jsonl", content(question(2, passage_id="elsewhere")), tiny_corpus)


def test_a_malformed_file_is_refused_with_line_and_reason(tiny_corpus):
    broken = content(question(1)) + b'\n{"id": "q2", "answers": ["x"]}'
    with pytest.raises(CorpusError, match=r"mine\.jsonl.*line 2.*question"):
        from_file("mine.jsonl", broken, tiny_corpus)
    with pytest.raises(TesseraError):
        from_file("mine.jsonl", b"", tiny_corpus)


def test_a_split_that_is_not_there_names_those_that_are(tiny_corpus):
    assert from_split(tiny_corpus, "test").questions == tiny_corpus.questions["test"]
    with pytest.raises(TesseraError, match="train, dev, test"):
        from_split(tiny_corpus, "final")


@pytest.mark.parametrize("field", ["answers", "answer", "golden_answers"])
def test_answers_go_by_their_usual_names(tiny_corpus, field):
    row = question(1)
    row[field] = row.pop("answers")
    assert from_file("mine.jsonl", content(row), tiny_corpus).questions[0].answers == ("Oren",)


def test_a_file_without_answers_is_refused_and_an_unanswerable_question_is_not(tiny_corpus):
    row = question(1, reply="Oren")
    del row["answers"]
    with pytest.raises(CorpusError, match="has no answers; its fields are: id, question, passage_id, reply"):
        from_file("mine.jsonl", content(row), tiny_corpus)
    for empty in ([], None, {"text": [], "answer_start": []}):
        assert from_file("mine.jsonl", content(question(1, answers=empty)), tiny_corpus).questions[0].answers == ()


def test_a_passage_may_be_named_by_the_end_of_its_id():
    passages = (
        Passage("b-readme-0001", "readme", "The bell weighs 940 kilograms."),
        Passage("c-readme-0001", "readme", "The bell is cracked."),
        Passage("c-other-0001", "other", "It hangs in Solm."),
    )
    corpus = Corpus("docs", passages, {})
    rows = (
        question(1, passage_id="readme-0001", answers=["940 kilograms"]),
        question(2, passage_id="other-0001", answers=["Solm"]),
        question(3, passage_id="readme-0001", answers=["bell"]),
    )
    found = from_file("mine.jsonl", content(*rows), corpus)
    assert [q.passage_ids for q in found.questions] == [("b-readme-0001",), ("c-other-0001",)]
    assert found.outside == 1


def test_a_question_about_a_duplicate_that_was_left_out_points_to_the_one_that_was_kept(tmp_path):
    passages = (Passage("a", "Bell", "The bell weighs 940 kg."), Passage("b", "Bell", "The  bell weighs 940 KG."))
    write_corpus(ws := Workspace(tmp_path / "twice"), without_duplicates(Corpus("twice", passages, {})).corpus)
    corpus = ws.read("corpus", load)
    assert [passage.id for passage in corpus.passages] == ["a"]
    found = from_file("mine.jsonl", content(question(1, passage_id="b")), corpus)
    assert [q.passage_ids for q in found.questions] == [("a",)] and not found.outside


def test_so_does_one_about_a_document_that_stood_twice_in_a_folder(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / "docs" / folder).mkdir(parents=True)
        (tmp_path / "docs" / folder / "bell.txt").write_text("The bell of Velm weighs 940 kilograms.")
    work = loading(str(tmp_path / "docs"), count=lambda text: len(text.split()))
    with pytest.raises(StopIteration) as end:
        while True:
            next(work)
    corpus = end.value.value.corpus
    assert [passage.id for passage in corpus.passages] == ["one-bell-0001"]
    found = from_file("mine.jsonl", content(question(1, passage_id="two-bell-0001")), corpus)
    assert [q.passage_ids for q in found.questions] == [("one-bell-0001",)]
