"""The sentence of those that z spells which is shown as evidence."""

import pytest

from core.memory.quote import quote
from core.memory.routing_index import Terms

SENTENCES = [
    "The lighthouse of Velm is a tower of glass.",
    "Oren Pask built the lighthouse.",
    "Oren Pask was born in Sarn.",
]
TERMS = Terms([sentence.lower().rstrip(".").split() for sentence in SENTENCES])


@pytest.mark.parametrize(
    "question, answer, row",
    [
        ("Who built the lighthouse?", "Oren Pask", 1),  # the answer stands in two: the question decides
        ("Where was Oren Pask born?", "Sarn", 2),
        ("What is the lighthouse of Velm?", "not in the passages", 0),  # a model that declines
        ("What is the lighthouse of Velm?", "", 0),
    ],
)
def test_the_sentence_that_says_the_answer_is_quoted(question, answer, row):
    assert quote(SENTENCES, question, answer, TERMS) == SENTENCES[row]


def test_nothing_is_quoted_where_z_spells_nothing():
    assert quote([], "Who?", "Oren Pask", TERMS) == ""
