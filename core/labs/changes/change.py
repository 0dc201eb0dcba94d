"""A change of one passage, the question that tests it, and when a method counts as knowing it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from core.corpus.types import Corpus, Passage, Question
from core.errors import TesseraError, require_known
from core.messages import message
from core.methods.base import Answer
from core.metrics import coverage, exact_match
from core.normalise import folded

Kind = Literal["add", "edit", "delete"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Change:
    """One passage that is added, edited or deleted.

    Attributes:
        passage: As it is afterwards; for a deletion, as it was.
        question: About the passage. Its accepted answers are those after the change; for a deletion, the one that is
            to be given no longer. No method learns from it: it is only asked.
        about: Further questions that the passage answers afterwards: knowing one thing about a document is not knowing
            the document.

    Raises:
        TesseraError: There is no text, no question or no answer.
    """

    kind: Kind
    passage: Passage
    question: Question
    about: tuple[Question, ...] = ()

    def __post_init__(self) -> None:
        require_known("There is no change {name!r}.", self.kind, KINDS)
        if not self.passage.text.strip():
            raise TesseraError("The passage has no text.", "Give it some, or delete the passage instead.")
        if not self.question.text.strip():
            raise TesseraError("There is no question about the passage.", "Give one that its text answers.")
        if not any(answer.strip() for answer in self.question.answers):
            raise TesseraError("The question comes without an answer.", "Give the answer that its text holds.")

    def check(self, corpus: Corpus) -> None:
        """Refuses a change that cannot be made to this corpus.

        Raises:
            TesseraError: The passage is there already, or is not there, or is the only one.
        """
        exists = self.passage.id in corpus.index()
        if self.kind == "add" and exists:
            raise TesseraError(
                message("The corpus already holds a passage {id!r}.", id=self.passage.id),
                "Edit it, or give the new one another id.",
            )
        if self.kind != "add" and not exists:
            raise TesseraError(
                message("The corpus holds no passage {id!r}.", id=self.passage.id), "Give the id of one that it holds."
            )
        if self.kind == "delete" and len(corpus.passages) == 1:
            raise TesseraError("This is the only passage of the corpus.", "Delete the workspace instead.")

    def made_to(self, corpus: Corpus) -> Corpus:
        """The corpus afterwards: an edited passage keeps its row, a new one comes last.

        Questions about a passage that is gone are gone with it.

        Raises:
            TesseraError: See ``check``.
        """
        self.check(corpus)
        name = self.passage.id
        if self.kind == "add":
            return replace(corpus, passages=(*corpus.passages, self.passage))
        if self.kind == "edit":
            return replace(corpus, passages=tuple(self.passage if p.id == name else p for p in corpus.passages))
        others = tuple(passage for passage in corpus.passages if passage.id != name)
        questions = {
            split: tuple(question for question in group if name not in question.passage_ids)
            for split, group in corpus.questions.items()
        }
        return replace(corpus, passages=others, questions=questions)

    def old_questions(self, questions: Sequence[Question]) -> tuple[Question, ...]:
        """Those with an answer that the change must not touch: none about its passage, and not its own question."""
        own_text = folded(self.question.text)
        others = (q for q in questions if q.answers and self.passage.id not in q.passage_ids)
        return tuple(q for q in others if folded(q.text) != own_text)

    def verdict(self, answer: Answer) -> Verdict:
        """Whether an answer to the question reflects the change."""
        right = bool(coverage(answer.text, self.question.answers))
        from_it = any(piece.passage_id == self.passage.id for piece in answer.evidence)
        known = not right and not from_it if self.kind == "delete" else right
        return Verdict(known, right, bool(exact_match(answer.text, self.question.answers)), from_it)


@dataclass(frozen=True)
class Verdict:
    """Whether one answer reflects the change.

    Attributes:
        known: The method has taken up the change: after an addition or an edit the answer holds an accepted one;
            after a deletion it neither says the old answer nor rests on the passage.
        holds: The answer contains an accepted one as whole words.
        exact: It is an accepted one, after SQuAD's normalisation.
        from_passage: The changed passage is among what it rests on.
    """

    known: bool
    holds: bool
    exact: bool
    from_passage: bool
