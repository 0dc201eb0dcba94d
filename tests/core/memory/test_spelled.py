"""Which vectors of a z a question is put to: those of its title and of the sentences nearest to it."""

from collections.abc import Sequence

import pytest
import torch

from core.memory.routing_index import Terms
from core.memory.spelled import Spelled

TEXT = "Velm Tower\nIt is tall. Oren Pask built the tower of glass. 도서관은 강가에 있다. It fell in 1702."
WORDS = [ord(letter) for letter in TEXT]
TERMS = Terms([sentence.lower().split() for sentence in TEXT.split("\n")[1].split(". ")])


def decode(ids: Sequence[int]) -> str:
    return "".join(map(chr, ids)).strip()


def spelled(text: str = TEXT) -> Spelled:
    return Spelled(torch.zeros(len(text), 4), [ord(letter) for letter in text], decode)


@pytest.mark.parametrize(
    ("question", "count", "read"),
    [
        ("Who built it of glass?", 1, "Velm Tower\n Oren Pask built the tower of glass."),
        ("도서관은 어디에 있나?", 1, "Velm Tower\n 도서관은 강가에 있다."),
        ("When was it that the tower fell?", 2, "Velm Tower\n Oren Pask built the tower of glass. It fell in 1702."),
        ("Who?", 0, TEXT),
        ("Who?", 9, TEXT),
    ],
)
def test_title_and_nearest_sentences_are_read_in_their_order(question: str, count: int, read: str) -> None:
    rows = spelled().about(question, count, TERMS)
    assert rows == sorted(set(rows))
    assert "".join(TEXT[row] for row in rows) == read


def test_every_vector_belongs_to_the_title_or_to_one_sentence() -> None:
    z, title = spelled(), spelled().about("Who?", 1, TERMS)[: len("Velm Tower")]
    parts = [row for sentence in z.sentences for row in z.about(sentence, 1, TERMS) if row not in title]
    assert sorted(set(parts)) == list(range(len("Velm Tower"), len(TEXT)))
    assert z.sentences == [
        "It is tall.",
        "Oren Pask built the tower of glass.",
        "도서관은 강가에 있다.",
        "It fell in 1702.",
    ]


def test_without_a_title_there_are_only_sentences() -> None:
    text = "It is very tall. It fell in 1702."
    assert decode([ord(text[row]) for row in spelled(text).about("When did it fall?", 1, TERMS)]) == "It is very tall."
    assert spelled(text).sentences == ["It is very tall.", "It fell in 1702."]


def test_a_z_that_names_no_words_is_read_whole() -> None:
    z = Spelled(torch.zeros(8, 4), [], decode)
    assert z.sentences == [] and z.about("Who?", 1, TERMS) == list(range(8))
