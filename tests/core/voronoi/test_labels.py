import numpy as np

from core.corpus.types import Passage
from core.voronoi.labels import label_cells


def test_cells_are_named_by_what_sets_them_apart(tiny_corpus):
    assignment = np.array([0] * 4 + [1] * 4 + [2] * 3)
    labels = label_cells(tiny_corpus.passages, assignment)
    assert [set(label.split(", ")) & {"harbour", "library", "orchard"} for label in labels] == [
        {"harbour"},
        {"library"},
        {"orchard"},
    ]
    assert all(len(label.split(", ")) == 3 for label in labels)


def test_words_of_every_cell_name_none():
    words = ["apple", "bear", "crane"]
    passages = [Passage(word, "", f"shared shared shared shared shared {word} {word}") for word in words]
    assert label_cells(passages, np.arange(3), words=1) == words


def test_stop_words_and_second_forms_are_left_out():
    (label,) = label_cells([Passage("a", "", "The bees and the bee were there. Bees bees hive.")], np.array([0]))
    assert label == "bees, hive"


def test_korean_particles_do_not_split_a_word():
    passages = [Passage("a", "", "도서관에는 지도가 있다. 도서관은 크다."), Passage("b", "", "과수원의 배는 달다.")]
    first, second = label_cells(passages, np.array([0, 1]), words=1)
    assert first == "도서관"
    assert second != "도서관"


def test_a_cell_without_words_still_has_a_name():
    passages = [Passage("a", "12", "1 2 3"), Passage("b", "", "!")]
    assert label_cells(passages, np.array([0, 1])) == ["12", "cell 1"]
