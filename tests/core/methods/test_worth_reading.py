"""How many of the passages that were found are read."""

import pytest

from core.corpus.types import Passage, Source
from core.methods.worth_reading import worth_reading


@pytest.mark.parametrize(
    ("scores", "cutoff", "read"),
    [
        ([0.9, 0.8, 0.5], 0.8, 2),  # 0.72 is the least
        ([0.9, 0.5, 0.8], 0.8, 1),  # nothing behind one that is left out
        ([0.9, 0.8, 0.5], 0.0, 3),
        ([0.9, 0.9, 0.5], 1.0, 2),
        ([0.2], 0.8, 1),
        ([-0.1, -0.2], 0.8, 1),  # the best is read, whatever it is like
        ([], 0.8, 0),
    ],
)
def test_passages_nearly_as_similar_as_the_best_are_read(scores, cutoff, read):
    found = [(Passage(f"p{n}", "", "The mill."), score) for n, score in enumerate(scores)]
    assert worth_reading("Where is the mill?", found, cutoff) == list(range(read))


def test_the_share_is_counted_from_where_the_encoders_scores_begin():
    found = [(Passage(f"p{n}", "", "The mill."), score) for n, score in enumerate([0.9, 0.82, 0.78])]
    assert worth_reading("Where is the mill?", found, 0.8) == [0, 1, 2]
    assert worth_reading("Where is the mill?", found, 0.8, unrelated=0.7) == [0]


ROWS = ("Ferry: Mara; Goes to: Solm; Fare: 14.", "Ferry: Lind; Goes to: Pell; Fare: 9.", "Ferry: Tern; Fare: 17.")


def read(question, cutoff=0.8, row=True, sections=("Fares", "Fares", "Fares")):
    found = [
        (Passage(f"p{n}", "", text, source=Source("a.md", sections[n]), row=row), 0.9 - n / 100)
        for n, text in enumerate(ROWS)
    ]
    return worth_reading(question, found, cutoff)


@pytest.mark.parametrize(
    ("question", "rows"),
    [
        ("What is the fare of the Lind?", [1]),  # though another matches better
        ("Which ferry goes to Solm?", [0]),
        ("Is the Mara or the Tern cheaper?", [0, 2]),
        ("Which is the cheapest?", [0, 1, 2]),
        ("Which ferry goes to Ostry?", [0, 1]),
    ],
)
def test_of_rows_those_are_read_that_the_question_means(question, rows):
    assert read(question) == rows


def test_a_row_competes_with_its_own_table_alone():
    question = "What is the fare of the Lind?"
    assert read(question, sections=("Winter", "Fares", "Fares")) == [0, 1]
    assert read(question, row=False) == [0, 1, 2]
    assert read(question, cutoff=0) == [0, 1, 2], "without a cutoff all are read"


def test_the_cutoff_is_a_share_of_the_best_that_is_left():
    passages = [Passage("a", "", ROWS[0], row=True), Passage("b", "", ROWS[1], row=True), Passage("c", "", "The mill.")]
    assert worth_reading("Where does the Lind go?", list(zip(passages, (0.9, 0.5, 0.45), strict=True)), 0.8) == [1, 2]
