import pytest

from core.corpus.sample import load_sample, load_unseen
from core.errors import CorpusError


def test_the_sample_loads_under_its_name():
    corpus = load_sample()
    assert corpus.name == "sample"
    assert len(corpus.passages) >= 96
    assert all(corpus.questions[split] for split in ("train", "dev", "test"))


def test_every_korean_question_is_answered_by_its_passage():
    corpus = load_sample("sample-ko")
    asked = [question for split in ("dev", "test") for question in corpus.questions[split]]
    assert len(corpus.passages) == 40 and len(asked) == 61
    assert len({question.text for question in asked}) == len(asked)
    texts = {passage.id: passage.text for passage in corpus.passages}
    for question in asked:
        text = texts[question.passage_ids[0]]
        assert question.evidence[0] in text and any(answer in text for answer in question.answers), question.id


def test_unseen_passages_come_with_their_questions():
    known = load_sample().index()
    for passage, questions in load_unseen():
        assert passage.id not in known
        assert len(questions) >= 4
        assert all(question.evidence[0] in passage.text for question in questions)


def test_a_broken_line_of_unseen_is_named(tmp_path):
    (tmp_path / "unseen.jsonl").write_text('{"passage": {"id": "a", "text": "b"}}\n')
    with pytest.raises(CorpusError, match=r"unseen\.jsonl, line 1"):
        load_unseen(tmp_path)
