import gzip

import pytest

from core.corpus.readers.tables import read_jsonl
from core.errors import CorpusError


def test_rows_may_differ_in_their_fields():
    content = '{"Passage": "하나", "id": 1, "topic": "t"}\n\n{"title": "T", "text": "two\u2028lines", "extra": [1]}\n'
    sections = read_jsonl("a.jsonl", content.encode()).sections
    assert [(section.id, section.title, section.text, section.topic) for section in sections] == [
        ("1", "", "하나", "t"),
        ("", "T", "two\nlines", ""),
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"text": "x"', "a.jsonl, line 2, is not JSON: Expecting ',' delimiter at character 13"),
        ('"text"', "a.jsonl, line 2, holds str instead of an object"),
        ('{"body": "x"}', "a.jsonl, line 2, has no column for the text; its columns are: body"),
        ("{}", "a.jsonl, line 2, has no column for the text; its columns are: none"),
        ('{"text": ["x"]}', "a.jsonl, line 2, has list in 'text' instead of text"),
        ('{"text": 5}', "a.jsonl, line 2, has int in 'text'"),
        ('{"text": "x", "title": {}}', "a.jsonl, line 2, has dict in 'title'"),
        ('{"text": ' + "[" * 100_000, "a.jsonl, line 2, cannot be read as JSON"),
    ],
)
def test_refusals_name_the_line(line, why):
    with pytest.raises(CorpusError) as caught:
        read_jsonl("a.jsonl", f'{{"text": "fine"}}\n{line}\n'.encode())
    assert why in str(caught.value)


def test_questions_in_place_of_passages_are_told_by_their_fields():
    with pytest.raises(CorpusError, match="its columns are: id, question, answers"):
        read_jsonl("questions.jsonl", b'{"id": "q", "question": "Who?", "answers": []}')


def test_gzip_is_unpacked_up_to_a_limit(monkeypatch):
    packed = gzip.compress(b'{"text": "A well."}\n' * 2)
    assert [section.text for section in read_jsonl("a.jsonl.gz", packed).sections] == ["A well.", "A well."]
    monkeypatch.setattr("core.corpus.readers.tables._MAX_UNPACKED", 30)
    with pytest.raises(CorpusError, match="goes beyond"):
        read_jsonl("a.jsonl.gz", packed)
    with pytest.raises(CorpusError, match="is no readable gzip"):
        read_jsonl("a.jsonl.gz", packed[:2] + b"\xff" + packed[3:])


def test_documents_of_langchain_are_named_after_their_source():
    row = '{"page_content": "A well.", "metadata": {"source": "well.txt"}, "type": "Document"}'
    (section,) = read_jsonl("a.jsonl", row.encode()).sections
    assert (section.title, section.text) == ("well.txt", "A well.")
