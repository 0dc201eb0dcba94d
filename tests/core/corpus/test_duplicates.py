from core.corpus.duplicates import same_passage_key, without_duplicates
from core.corpus.types import Corpus, Passage, Question


def test_case_space_and_width_do_not_make_a_text_new():
    assert same_passage_key("", "Ｔｈｅ  Lamp\nBURNS") == same_passage_key("", "the lamp burns")
    assert same_passage_key("", "\u1112\u1161\u11ab") == same_passage_key("", "한")
    assert same_passage_key("", "the lamp burnt") != same_passage_key("", "the lamp burns")
    assert same_passage_key("A", "the lamp burns") != same_passage_key("B", "the lamp burns")
    assert same_passage_key("", "10⁶ joules") != same_passage_key("", "106 joules")


def test_the_first_is_kept_and_questions_follow():
    passages = (Passage("a", "title", "The lamp."), Passage("b", "", "Another."), Passage("c", "Title", "the  LAMP."))
    questions = {"dev": (Question("q", "Which?", ("lamp",), ("c", "b"), ("the  LAMP.", "Another.")),)}
    distinct = without_duplicates(Corpus("x", passages, questions))
    assert [passage.id for passage in distinct.corpus.passages] == ["a", "b"]
    assert (distinct.corpus.duplicate_of, distinct.removed) == ({"c": "a"}, 1)
    assert distinct.corpus.questions["dev"][0].passage_ids == ("a", "b")
