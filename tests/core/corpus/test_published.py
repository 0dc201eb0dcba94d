"""Data sets as their authors publish them, as files."""

import json

import pytest

from core.corpus.load import load_corpus
from core.corpus.readers.registry import read_document
from core.errors import CorpusError

SQUAD = {
    "version": "v2.0",
    "data": [
        {
            "title": "Brae_well",
            "paragraphs": [
                {
                    "context": "The well of Brae is 9 metres deep. It was dug in 1604.",
                    "qas": [
                        {"id": "a", "question": "How deep?", "answers": [{"text": "9 metres", "answer_start": 20}]},
                        {"id": "b", "question": "Since when?", "answers": [{"text": "1604", "answer_start": 49}]},
                        {"id": "c", "question": "Who dug it?", "answers": [], "is_impossible": True},
                    ],
                },
                {"context": "Nobody asks about this.", "qas": []},
            ],
        }
    ],
}
HOTPOT = [
    {
        "_id": "h",
        "question": "When was the well of the town with the tall mill dug?",
        "answer": "1604",
        "type": "bridge",
        "supporting_facts": [["Brae", 1], ["Mill", 0]],
        "context": [["Brae", ["The well is deep.", " It was dug in 1604."]], ["Mill", ["Brae has a tall mill."]]],
    }
]
NQ = {
    "example_id": 7,
    "question_text": "when was the well of brae dug",
    "document_text": "<P> Skip . </P> <P> The well of Brae was dug in 1604 . </P>",
    "document_url": "https://en.wikipedia.org//w/index.php?title=Brae_well&amp;oldid=1",
    "annotations": [
        {
            "long_answer": {"start_token": 4, "end_token": 15},
            "short_answers": [{"start_token": 12, "end_token": 13}],
            "yes_no_answer": "NONE",
        }
    ],
}


def test_squad_keeps_what_cannot_be_answered():
    document = read_document("dev-v2.0.json", json.dumps(SQUAD).encode())
    first, second = document.sections
    assert (first.title, first.text) == ("Brae well", "The well of Brae is 9 metres deep. It was dug in 1604.")
    assert second.text == "Nobody asks about this."
    assert [(q.id, q.answers, q.passage_ids) for q in document.questions["dev"]] == [
        ("a", ("9 metres",), (first.id,)),
        ("c", (), (first.id,)),
    ]
    assert [q.id for q in document.questions["train"]] == ["b"]


def test_hotpotqa_has_its_paragraphs_and_hops():
    document = read_document("hotpot.json", json.dumps(HOTPOT).encode())
    assert [section.title for section in document.sections] == ["Brae", "Mill"]
    (question,) = document.questions["dev"]
    assert question.passage_ids == tuple(section.id for section in document.sections)
    assert (question.answers, question.evidence[0]) == (("1604",), "It was dug in 1604.")


def test_simplified_natural_questions_give_their_long_answers():
    missing = {**NQ, "example_id": 8, "annotations": [{"long_answer": {"start_token": -1, "end_token": -1}}]}
    document = read_document("nq.jsonl", "\n".join(map(json.dumps, (NQ, missing))).encode())
    (section,) = document.sections
    assert (section.title, section.text) == ("Brae well", "The well of Brae was dug in 1604.")
    found, lost = document.questions["dev"]
    assert (found.answers, found.passage_ids, lost.answers, lost.passage_ids) == (("1604",), (section.id,), (), ())


def test_passages_of_a_data_set_stay_as_they_are_and_two_files_share_them(tmp_path, count):
    (tmp_path / "one.json").write_text(json.dumps(SQUAD))
    (tmp_path / "two.json").write_text(json.dumps(SQUAD))
    corpus = load_corpus(str(tmp_path), count=count)
    assert len(corpus.passages) == 2
    known = {passage.id for passage in corpus.passages}
    assert all(set(q.passage_ids) <= known for group in corpus.questions.values() for q in group)


def test_other_json_is_rows_of_passages_or_refused():
    assert read_document("a.json", b'{"rows": [{"text": "A well."}]}').sections[0].text == "A well."
    assert read_document("a.json", b'{"id": "x", "text": "A well."}').sections[0].id == "x"
    for content, why in (
        (b"[1]", "row 1, holds int"),
        (b'"x"', "holds str"),
        (b"{", "is not JSON"),
        (b"[" * 10**5, "deep"),
    ):
        with pytest.raises(CorpusError, match=why):
            read_document("a.json", content)


def test_a_row_of_another_layout_is_refused_with_its_place():
    rows = [HOTPOT[0], {"_id": "x", "question": "?"}]
    with pytest.raises(CorpusError, match=r"hotpot\.json, row 2, has other fields than expected"):
        read_document("hotpot.json", json.dumps(rows).encode())
