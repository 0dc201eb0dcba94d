"""Example changes: those that ship with the sample, and those that any corpus offers by its own questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.corpus.sample import load_edited
from core.corpus.types import Corpus, Passage, Question
from core.errors import TesseraError
from core.labs.changes.change import Change
from core.messages import message
from core.metrics import coverage
from core.normalise import folded


def added(passage: Passage, question: Question | None, questions: Sequence[Question] = ()) -> Change:
    """The addition of a passage.

    Args:
        question: The question about it; None takes the first of ``questions``.

    Raises:
        TesseraError: There is no question at all.
    """
    if question is None and not questions:
        raise TesseraError("A text of your own comes without a question.", "Give --question and --answer.")
    first = question or questions[0]
    return Change("add", passage, first, _others(first, questions))


def edits(corpus: Corpus) -> tuple[Change, ...]:
    """Passages of the sample in which one fact is another; none for a corpus that does not hold them.

    Raises:
        CorpusError: The file is missing or damaged.
    """
    rows = corpus.index()
    return tuple(edit_of(corpus, passage, questions[0]) for passage, questions in load_edited() if passage.id in rows)


def example_edit(corpus: Corpus, question: Question | None = None) -> Change:
    """The first edit that ships with the sample.

    Raises:
        TesseraError: The corpus is another one.
    """
    examples = edits(corpus)
    if not examples:
        raise TesseraError(
            message("There is no example of an edit for {corpus}.", corpus=corpus.name),
            "Give --id, --text, --question and --answer.",
        )
    return edit_of(corpus, examples[0].passage, question or examples[0].question)


def edit_of(corpus: Corpus, passage: Passage, question: Question | None) -> Change:
    """An edit, with those of the corpus' questions about the passage that its new text still answers.

    Raises:
        TesseraError: There is no question.
    """
    if question is None:
        raise TesseraError(
            message("The edit of {id!r} comes without a question.", id=passage.id), "Give --question and --answer."
        )
    about_it = [q for q in corpus.all_questions() if q.passage_ids == (passage.id,)]
    still = [other for other in about_it if coverage(passage.text, other.answers)]
    return Change("edit", passage, question, _others(question, still))


def edited(corpus: Corpus, passage_id: str, text: str, title: str = "") -> Passage:
    """A passage of the corpus with another text; topic and, unless given, title stay.

    Raises:
        TesseraError: The corpus does not hold it.
    """
    old = passage_of(corpus, passage_id)
    return replace(old, text=text.strip(), title=title.strip() or old.title)


def deletion(corpus: Corpus, passage_id: str = "", question: Question | None = None) -> Change:
    """The deletion of a passage.

    Args:
        passage_id: Which passage; empty takes the first that one of the corpus' questions rests on alone.
        question: The one whose answer goes with it; None takes one of the corpus.

    Raises:
        TesseraError: The corpus does not hold it, or asks nothing about it alone.
    """
    about_it = question if question and passage_id else question_about(corpus, passage_id)
    return Change("delete", passage_of(corpus, passage_id or about_it.passage_ids[0]), question or about_it)


def question_about(corpus: Corpus, passage_id: str = "") -> Question:
    """A question of the corpus that rests on one passage alone; questions for testing come first.

    Raises:
        TesseraError: There is none.
    """
    for question in corpus.all_questions(train_last=True):
        if len(question.passage_ids) == 1 and passage_id in ("", question.passage_ids[0]):
            return question
    what = message("The corpus has no question about a single passage.")
    if passage_id:
        what = message("The corpus has no question about {id!r} alone.", id=passage_id)
    raise TesseraError(what, "Give a question and its answer.")


def passage_of(corpus: Corpus, passage_id: str) -> Passage:
    """A passage by its id.

    Raises:
        TesseraError: The corpus does not hold it.
    """
    row = corpus.index().get(passage_id)
    if row is None:
        raise TesseraError(
            message("The corpus holds no passage {id!r}.", id=passage_id), "Give the id of one that it holds."
        )
    return corpus.passages[row]


def question_of(text: str, answers: Sequence[str]) -> Question:
    """A question of one's own."""
    return Question("own", text.strip(), tuple(answer.strip() for answer in answers if answer.strip()))


def _others(question: Question, questions: Sequence[Question]) -> tuple[Question, ...]:
    return tuple(other for other in questions if folded(other.text) != folded(question.text))
