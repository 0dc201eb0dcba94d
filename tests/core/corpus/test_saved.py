import json

import pytest
from datasets import Dataset, DatasetDict

from core.corpus.load import load_corpus
from core.errors import CorpusError

SQUAD = {
    "id": "q",
    "title": "Well",
    "context": "The well is dry.",
    "question": "How is it?",
    "answers": {"text": ["dry"], "answer_start": [12]},
}


@pytest.fixture
def beir(tmp_path):
    documents = [
        {"_id": "d1", "title": "Brae", "text": "The well is dry."},
        {"_id": "d2", "title": "", "text": "The mill."},
    ]
    (tmp_path / "corpus.jsonl").write_text("\n".join(map(json.dumps, documents)))
    asked = [{"_id": "q1", "text": "Is the well dry?"}, {"_id": "q2", "text": "Nobody judged this."}]
    (tmp_path / "queries.jsonl").write_text("\n".join(map(json.dumps, asked)))
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\td2\t0\nq1\tgone\t1\n")
    return tmp_path


def test_a_folder_of_beir_gives_passages_and_the_questions_that_are_judged(beir, count):
    corpus = load_corpus(str(beir), count=count)
    assert [passage.id for passage in corpus.passages] == ["d1", "d2"]
    (question,) = corpus.questions["test"]
    assert (question.id, question.passage_ids, question.answers) == ("q1", ("d1",), ())


def test_a_data_set_saved_to_disk_is_recognised_by_its_fields(tmp_path, count):
    again = {**SQUAD, "id": "r", "context": "The mill turns.", "answers": {"text": [], "answer_start": []}}
    DatasetDict({"validation": Dataset.from_list([SQUAD, again])}).save_to_disk(str(tmp_path / "squad"))
    corpus = load_corpus(str(tmp_path / "squad"), count=count)
    assert [passage.text for passage in corpus.passages] == ["The well is dry.", "The mill turns."]
    assert [(question.id, question.answers) for question in corpus.questions["dev"]] == [("q", ("dry",)), ("r", ())]


def test_one_of_passages_alone_is_passages(tmp_path, count):
    Dataset.from_list([{"text": "One."}, {"text": "Two."}]).save_to_disk(str(tmp_path / "own"))
    assert [passage.text for passage in load_corpus(str(tmp_path / "own"), count=count).passages] == ["One.", "Two."]


def test_a_damaged_one_is_refused(tmp_path, count):
    Dataset.from_list([{"text": "One."}]).save_to_disk(str(tmp_path / "own"))
    (tmp_path / "own" / "state.json").write_text("{")
    with pytest.raises(CorpusError, match="is no readable data set"):
        load_corpus(str(tmp_path / "own"), count=count)
