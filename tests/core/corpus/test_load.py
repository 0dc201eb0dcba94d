import json

import pytest

from core.corpus.load import load_corpus, loading, shorten, take
from core.corpus.sample import load_sample
from core.corpus.store import save
from core.corpus.types import Corpus, Passage, Question
from core.errors import CorpusError
from tests.generators import result_of

PARTS = [f"Sentence {n} is about lamp {n} of the long wall." for n in range(200)]


def loaded(source, count):
    """What ``loading`` returns, once it has said all that it says meanwhile."""
    return result_of(loading(str(source), count=count))


def test_the_sample_comes_by_name_and_whole(count):
    assert load_corpus("sample", count=count) == load_sample()


def test_size_keeps_the_first_passages_and_what_can_be_asked_of_them(tmp_path, tiny_corpus, count):
    save(tiny_corpus, tmp_path)
    corpus = load_corpus(str(tmp_path), size=5, count=count)
    assert corpus.passages == tiny_corpus.passages[:5]
    assert [q.id for group in corpus.questions.values() for q in group] == ["test-0", "train-0"]
    assert load_corpus(str(tmp_path), size=500, count=count).passages == tiny_corpus.passages


def test_a_question_needs_all_of_its_passages():
    passages = tuple(Passage(name, "", name) for name in "abc")
    questions = {"dev": (Question("1", "?", (), ("a", "c")), Question("2", "?", (), ("a", "b")))}
    assert [q.id for q in take(Corpus("x", passages, questions), 2).questions["dev"]] == ["2"]


@pytest.mark.parametrize("size", [0, -1, 50_001])
def test_an_impossible_size_is_refused(size, count):
    with pytest.raises(CorpusError, match="is not possible"):
        load_corpus("sample", size=size, count=count)


@pytest.mark.parametrize("source", ["nowhere/at/all", "", "x" * 9_999, "a\0b", "~nobody-of-that-name/x"])
def test_an_unknown_source_is_refused_with_the_choice(source, count):
    with pytest.raises(
        CorpusError, match=r"no such file or folder.*sample, sample-ko, natural_questions, hotpotqa, squad"
    ):
        load_corpus(source, count=count)


def test_duplicates_go_and_questions_follow(tmp_path, count):
    rows = [{"id": "a", "text": "Same."}, {"id": "b", "text": "SAME."}]
    (tmp_path / "passages.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "questions_dev.jsonl").write_text('{"id": "q", "question": "?", "answers": ["x"], "passage_id": "b"}')
    corpus = load_corpus(str(tmp_path), count=count)
    assert len(corpus.passages) == 1
    assert corpus.questions["dev"][0].passage_ids == ("a",)


def test_passages_longer_than_a_cell_are_cut_and_questions_aim_at_the_piece(count):
    passages = (Passage("long", "T", " ".join(PARTS), "topic"), Passage("long-1", "", "Short."))
    question = Question("q", "Which?", ("lamp 150",), ("long", "long-1"), (PARTS[150], "Short."))
    lost = Question("r", "Which?", ("nowhere",), ("long",))
    corpus = shorten(Corpus("x", passages, {"dev": (question, lost)}), count)
    by_id = {passage.id: passage for passage in corpus.passages}
    assert len(by_id) == len(corpus.passages) > 5
    aimed, other = corpus.questions["dev"][0].passage_ids
    assert PARTS[150] in by_id[aimed].text
    assert other == "long-1"
    assert by_id[other].text == "Short."
    assert corpus.questions["dev"][1].passage_ids == (corpus.passages[0].id,)
    assert all(passage.title == "T" and passage.topic == "topic" for passage in corpus.passages[:-1])


def test_passages_up_to_a_cell_stay_whole(count):
    corpus = Corpus("x", (Passage("a", "", "word " * 960),), {})
    assert shorten(corpus, count) is corpus


def test_one_file_is_a_corpus_without_questions(tmp_path, count):
    (tmp_path / "notes.txt").write_text("One lamp.")
    corpus = load_corpus(str(tmp_path / "notes.txt"), count=count)
    assert (corpus.name, corpus.questions, len(corpus.passages)) == ("notes.txt", {}, 1)


def test_one_file_that_cannot_be_read_says_why(tmp_path, count):
    (tmp_path / "notes.csv").write_text("a,b\n1,2")
    with pytest.raises(CorpusError, match=r"notes\.csv, line 1, has no column for the text"):
        load_corpus(str(tmp_path / "notes.csv"), count=count)


def test_a_folder_of_documents_reports_every_file(tmp_path, count):
    (tmp_path / "a.txt").write_text("One lamp.")
    (tmp_path / "b.xyz").write_text("Two.")
    folder = loaded(tmp_path, count)
    assert [passage.text for passage in folder.corpus.passages] == ["One lamp."]
    assert [(result.name, result.status) for result in folder.files] == [("a.txt", "ready"), ("b.xyz", "failed")]


def test_a_folder_where_nothing_can_be_read_is_refused_with_reasons(tmp_path, count):
    for number in range(7):
        (tmp_path / f"{number}.xyz").write_text("x")
    with pytest.raises(CorpusError, match=r"None of the 7 files .*0\.xyz cannot be read.*\(2 more were refused\.\)"):
        load_corpus(str(tmp_path), count=count)


def test_duplicates_are_said(tmp_path, count):
    rows = [("a", "Lamp", "It burns."), ("b", "Lamp", "it  BURNS."), ("c", "Other lamp", "It burns.")]
    lines = [json.dumps({"id": name, "title": title, "text": text}) for name, title, text in rows]
    (tmp_path / "passages.jsonl").write_text("\n".join(lines))
    folder = loaded(tmp_path, count)
    assert ([passage.id for passage in folder.corpus.passages], folder.duplicates) == (["a", "c"], 1)
