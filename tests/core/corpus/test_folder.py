import json

import pytest

from core.corpus.folder import is_corpus_folder, read_folder
from core.errors import CorpusError

PASSAGES = '{"id": "p1", "title": "Lamp", "text": "등대가 빛난다.", "sentences": []}\n\n{"id": 2, "text": "Two."}\n'


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "passages.jsonl").write_text(PASSAGES, encoding="utf-8")
    return tmp_path


def write(folder, name, *rows):
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    (folder / name).write_text("\n".join(lines), encoding="utf-8")


def question(**fields):
    return {"id": "q1", "question": "Who?", "answers": ["a"], "passage_id": "p1", **fields}


def test_passages_and_questions_in_all_their_spellings(folder):
    write(folder, "questions_dev.jsonl", question(evidence="등대가 빛난다."), question(id="q2", passage_id=2))
    write(folder, "questions.jsonl", question(passage_ids=["p1", "2"], answers="b", type="bridge"))
    corpus = read_folder(folder)
    assert [(passage.id, passage.title, passage.text) for passage in corpus.passages] == [
        ("p1", "Lamp", "등대가 빛난다."),
        ("2", "", "Two."),
    ]
    assert set(corpus.questions) == {"dev", "test"}
    assert corpus.questions["dev"][0].evidence == ("등대가 빛난다.",)
    assert corpus.questions["dev"][1].passage_ids == ("2",)
    assert corpus.questions["test"][0].passage_ids == ("p1", "2")
    assert corpus.questions["test"][0].answers == ("b",)
    assert corpus.name == folder.name


def test_a_folder_is_known_by_its_passages(folder, tmp_path):
    assert is_corpus_folder(folder)
    assert not is_corpus_folder(tmp_path / "elsewhere")


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ('{"id": "p3", "text": "x"', "passages.jsonl, line 2, is not JSON"),
        ('["p3", "x"]', "line 2, holds list instead of an object"),
        ('{"id": "p3", "title": "x", "body": "y"}', "line 2, has no text; its fields are: id, title, body"),
        ('{"id": "p3", "text": " \\u0007 "}', "line 2, has no text"),
        ('{"id": "p3", "text": 5}', "line 2, has int in 'text' instead of text"),
        ('{"text": "x"}', "line 2, has no id"),
        ('{"id": true, "text": "x"}', "line 2, has no id"),
        ('{"id": "p1", "text": "x"}', "line 2, repeats the id 'p1' of passages.jsonl, line 1"),
        ('{"id": "p3", "text": "\\ud800"}', "line 2, holds half of a character"),
        ('{"id": "p3", "text": "a\\u0000"}', "line 2, holds a NUL"),
        ("[" * 100_000, "line 2, cannot be read as JSON"),
        ('{"id": ' + "9" * 9_999 + "}", "line 2, cannot be read as JSON"),
        ('{"id": "' + "x" * 999 + '", "text": "x"}', "line 2, has an id of 999 characters"),
    ],
)
def test_a_bad_passage_is_refused_with_file_line_and_reason(folder, row, why):
    write(folder, "passages.jsonl", {"id": "p1", "text": "One."}, row)
    with pytest.raises(CorpusError) as caught:
        read_folder(folder)
    assert why in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (question(id="q1"), "questions_dev.jsonl, line 2, repeats the id 'q1'"),
        (question(id="q2", passage_id="p9"), "line 2, names the passage 'p9', which is not there"),
        (question(id="q2", passage_ids=["p1", "p9"]), "line 2, names the passage 'p9'"),
        (question(id="q2", question=""), "line 2, has no question"),
        (question(id="q2", answers=[1]), "line 2, has something else than text in 'answers'"),
        (question(id="q2", evidence={"a": 1}), "line 2, has something else than text in 'evidence'"),
        ("{}", "line 2, has no"),
    ],
)
def test_a_bad_question_is_refused_with_file_line_and_reason(folder, row, why):
    write(folder, "questions_dev.jsonl", question(), row)
    with pytest.raises(CorpusError) as caught:
        read_folder(folder)
    assert why in str(caught.value)


def test_a_split_is_given_once(folder):
    write(folder, "questions.jsonl", question())
    write(folder, "questions_test.jsonl", question())
    with pytest.raises(CorpusError, match="a second time"):
        read_folder(folder)


def test_a_questions_file_without_a_split_is_refused_not_overlooked(folder):
    write(folder, "questions-dev.jsonl", question())
    with pytest.raises(CorpusError, match=r"questions-dev\.jsonl names no split"):
        read_folder(folder)


def test_no_passages_is_no_corpus(folder):
    (folder / "passages.jsonl").write_text("\n\n")
    with pytest.raises(CorpusError, match="holds no passage"):
        read_folder(folder)


def test_too_many_passages_are_refused(folder, monkeypatch):
    monkeypatch.setattr("core.corpus.folder.MAX_PASSAGES", 1)
    with pytest.raises(CorpusError, match="line 3, goes beyond 1 passages"):
        read_folder(folder)
