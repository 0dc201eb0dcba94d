"""Changes to begin with."""

import pytest

from core.corpus.sample import load_edited, load_sample, load_unseen
from core.corpus.types import Passage
from core.errors import TesseraError
from core.labs.changes.examples import (
    added,
    deletion,
    edit_of,
    edited,
    edits,
    example_edit,
    passage_of,
    question_of,
)
from core.metrics import coverage


@pytest.fixture(scope="module")
def sample():
    return load_sample()


def test_additions_of_the_sample_can_be_made(sample):
    for change in (added(passage, None, questions) for passage, questions in load_unseen()):
        change.check(sample)
        assert coverage(change.passage.text, change.question.answers)
        assert change.about and change.question not in change.about


def test_edits_of_the_sample_change_one_fact_and_say_so(sample):
    found = edits(sample)
    assert len(found) == len(load_edited()) >= 1
    for change in found:
        old = passage_of(sample, change.passage.id)
        assert not coverage(old.text, change.question.answers)
        assert coverage(change.passage.text, change.question.answers)
        assert (old.title, old.topic) == (change.passage.title, change.passage.topic)
        assert all(coverage(change.passage.text, question.answers) for question in change.about)
    assert len(found[0].about) == 4  # five questions about the passage, one of which asks for the old fact


def test_another_corpus_has_no_example_of_an_edit(tiny_corpus):
    assert edits(tiny_corpus) == ()
    with pytest.raises(TesseraError, match="--id"):
        example_edit(tiny_corpus)


def test_a_deletion_asks_what_the_corpus_asks(tiny_corpus):
    assert deletion(tiny_corpus).passage.id == "p8"
    change = deletion(tiny_corpus, "p5")
    assert (change.passage.id, change.question.id) == ("p5", "train-1")
    own = question_of(" Who? ", (" Ada ", ""))
    assert deletion(tiny_corpus, "p1", own).question == own
    with pytest.raises(TesseraError, match="no question about 'p1' alone"):
        deletion(tiny_corpus, "p1")
    with pytest.raises(TesseraError, match="no passage 'p99'"):
        passage_of(tiny_corpus, "p99")


def test_a_text_of_ones_own_needs_a_question(tiny_corpus):
    with pytest.raises(TesseraError, match="--question"):
        added(Passage("x", "", "Text."), None)
    with pytest.raises(TesseraError, match="--question"):
        edit_of(tiny_corpus, edited(tiny_corpus, "p0", "Text."), None)
    assert edited(tiny_corpus, "p0", " Text. ").title == "Harbour lighthouse"
    assert edited(tiny_corpus, "p0", "Text.", "Tower").title == "Tower"
