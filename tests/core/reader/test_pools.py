import pytest

from core.errors import CorpusError
from core.reader.pools import PoolSource, load_pool
from tests.core.reader.conftest import finished, write_lines

TEXT = "In 1918 the tower fell. It had 18 bells, and Oren Pask rang them every morning."


@pytest.fixture
def load(tmp_path, tiny_encoder):
    def load_rows(questions, title="Tower"):
        write_lines(tmp_path / "passages.jsonl", [{"id": "p0", "title": title, "text": TEXT}])
        write_lines(tmp_path / "questions_train.jsonl", questions)
        return finished(load_pool(PoolSource(tmp_path), tiny_encoder, longest_answer=3))

    return load_rows


def asked(answers, question="How many bells had the tower?"):
    return {"id": "q0", "question": question, "answers": answers, "passage_id": "p0"}


def test_holds_no_question_of_another_split(pool, tiny_corpus):
    held_out = {question.id for split in ("dev", "test") for question in tiny_corpus.questions[split]}
    assert {q.id for q in tiny_corpus.questions["train"]} < {question.id for question in pool.questions}
    assert not held_out & {question.id for question in pool.questions}


def test_the_shortest_answer_is_the_target(load):
    assert load([asked(["Oren Pask rang", "Oren Pask."])]).questions[0].answers[0] == "Oren Pask"


@pytest.mark.parametrize(
    "answers",
    [
        ["Oren Pask rang them"],  # four words are too long here
        ["19"],  # only part of a word of the passage
        ["Mira Tolle"],  # not in the passage
        ["18", "Oren Pask"],  # the annotators disagree
        [" . "],
    ],
)
def test_leaves_out_what_does_not_teach_reading(load, answers):
    assert load([asked(answers)]).questions == ()


def test_evidence_is_where_the_answer_answers(tmp_path, tiny_encoder):
    filler = " ".join(["and so on"] * 10)
    text = f"The quay has 40 rings for ships. {filler} The tower has 40 bells in a wooden frame."
    write_lines(tmp_path / "passages.jsonl", [{"id": "p0", "title": "", "text": text}])
    write_lines(tmp_path / "questions_train.jsonl", [asked(["40"])])
    pool = finished(load_pool(PoolSource(tmp_path), tiny_encoder, longest_answer=3))
    assert "bells in a wooden frame" in pool.questions[0].evidence[0]
    assert "ships" not in pool.questions[0].evidence[0]
    assert pool.questions[0].evidence[0] in text


def test_evidence_that_is_given_is_kept_and_one_that_is_nowhere_replaced(load):
    given = "It had 18 bells, and Oren Pask rang them every morning."
    assert load([{**asked(["18"]), "evidence": [given]}]).questions[0].evidence == (given,)
    found = load([{**asked(["18"]), "evidence": ["It had eighteen bells."]}]).questions[0].evidence[0]
    assert "18 bells" in found and found in TEXT


def test_an_address_is_no_title(load):
    pool = load([asked(["18"])], title="https://example.org/the-tower-with-18-bells")
    assert pool.passages[0].title == ""


def test_nothing_of_an_article_held_out_is_left(load):
    assert load([asked(["18"])], title="Steam engine").passages == ()
    pool = load([asked(["18"])], title="Steam engines")
    assert len(pool.passages) == len(pool.questions) == 1


def test_a_folder_without_train_questions_is_refused(tmp_path, tiny_encoder):
    write_lines(tmp_path / "passages.jsonl", [{"id": "p0", "title": "", "text": TEXT}])
    write_lines(tmp_path / "questions_dev.jsonl", [asked(["18"])])
    with pytest.raises(CorpusError, match="questions_train"):
        finished(load_pool(PoolSource(tmp_path), tiny_encoder, longest_answer=3))
