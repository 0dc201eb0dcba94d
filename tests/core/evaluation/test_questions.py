import json

import pytest

from core.errors import CorpusError, TesseraError
from core.evaluation.questions import draw, from_file, from_split


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
