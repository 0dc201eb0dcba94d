"""Questions for a corpus without any: written by the model, kept if the reader answers them from their passage.

    for step in generate(ws, models, settings): ...

A name or number of a sentence is the answer; the plain model continues examples of "sentence, answer, question". A
question stays when the reader finds that answer in its passage. They become dev questions of the corpus, marked by
their kind, and can be used wherever the questions of the sample are.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from core.corpus.sentences import whole_sentences
from core.corpus.store import load, write_corpus
from core.corpus.text import stop_words, tokenise
from core.corpus.types import GENERATED, Corpus, Passage, Question
from core.errors import TesseraError
from core.jobs import Progress, Work
from core.messages import message
from core.metrics import coverage
from core.models.engine import open_engine
from core.models.engine_base import Engine, text_of
from core.models.language_model import LanguageModel
from core.models.registry import Models
from core.settings import Settings
from core.trace import Tracer
from core.workspace import Workspace

WANTED = 20
SPLIT = "dev"
_SENTENCES_PER_QUESTION = 6
"""Sentences that are tried for each question that is wanted."""
_TOKENS = 32
_ANSWER = re.compile(r"\b[A-Z][\w'’-]+(?: [A-Z][\w'’-]+)+|\b\d[\d.,:]*\d\b|\b\d+\b|(?<=[a-z,] )[A-Z][\w'’-]{4,}")
_RECORD = re.compile(r": [^;]+; ")
"""A row of a table, which is skipped: small models confuse its columns."""
_GROUNDED = 0.6
"""Smallest share of a question's words that occur in its passage."""
_EXAMPLES = """\
Sentence: The harbour office of Velm opens at 7:30 on weekdays.
Answer: 7:30
Question: When does the harbour office of Velm open on weekdays?

Sentence: The lighthouse was built by Oren Pask after the storm.
Answer: Oren Pask
Question: Who built the lighthouse?

Sentence: Berth: Coal basin; Length (m): 25; Fee (crowns): 31.
Answer: 31
Question: What is the fee for the coal basin in crowns?

Sentence: At least 14 members must be present for a vote.
Answer: 14
Question: How many members must be present for a vote?

"""


@dataclass(frozen=True)
class _Draft:
    passage: Passage
    sentence: str
    answer: str


def generate(ws: Workspace, models: Models, settings: Settings, wanted: int = WANTED, seed: int = 0) -> Work:
    """Writes questions into the corpus of a workspace, which replace those generated before.

    Args:
        ws: Holds the corpus; nothing that was built from it becomes stale.
        models: The plain model writes, the engine of the settings filters.

    Yields:
        Progress; its data hold ``questions`` so far.

    Raises:
        TesseraError: None was answered from its passage.
    """
    with ws.lock():
        corpus = ws.read("corpus", load)
        lm, reader = models.language_model(models.variant.plain), open_engine(models, settings)
        written: list[Question] = []
        texts: set[str] = set()
        drafts = _drafts(corpus.passages, random.Random(seed))
        for tried, draft in zip(range(wanted * _SENTENCES_PER_QUESTION), drafts, strict=False):
            yield Progress("Writing questions", len(written), wanted, message("{n:,} sentences tried", n=tried))
            text = write_question(lm, draft.sentence, draft.answer)
            fresh = text.casefold() not in texts and _is_grounded(text, draft.passage)
            if fresh and is_answered(reader, text, draft.passage, draft.answer):
                texts.add(text.casefold())
                written.append(_question(len(written) + 1, text, draft))
            if len(written) == wanted:
                break
        if not written:
            why = "No question was answered from its own passage."
            raise TesseraError(why, "Write some yourself, or choose a larger language model.")
        write_corpus(ws, with_generated(corpus, written))
        yield Progress("Writing questions", len(written), len(written), "", {"questions": len(written)})


def with_generated(corpus: Corpus, questions: Sequence[Question]) -> Corpus:
    """The corpus with these generated questions and no others."""
    others = tuple(question for question in corpus.questions.get(SPLIT, ()) if question.kind != GENERATED)
    return replace(corpus, questions={**corpus.questions, SPLIT: (*others, *questions)})


def generated(corpus: Corpus) -> tuple[Question, ...]:
    """The generated questions of a corpus."""
    return tuple(question for question in corpus.questions.get(SPLIT, ()) if question.kind == GENERATED)


def edit(ws: Workspace, questions: Sequence[Question]) -> None:
    """Keeps these generated questions, edited or written by a person, and no others.

    Raises:
        WorkspaceBusy: Something is being built.
    """
    with ws.lock():
        write_corpus(ws, with_generated(ws.read("corpus", load), questions))


def write_question(lm: LanguageModel, sentence: str, answer: str) -> str:
    """A question that a sentence answers; empty where the model writes none."""
    session = lm.session()
    session.prefill(lm.prompt.encode(f"{_EXAMPLES}Sentence: {sentence}\nAnswer: {answer}\nQuestion:"))
    text = ""
    for piece in lm.stream_text(session.decode(_TOKENS)):
        text += piece
        if "\n" in text.lstrip() or "?" in text:
            break
    text = text.strip().partition("\n")[0].partition("?")[0].strip()
    usable = len(text.split()) > 3 and answer.casefold() not in text.casefold()
    return f"{text}?" if usable else ""


def is_answered(reader: Engine, question: str, passage: Passage, answer: str) -> bool:
    """Whether the reader finds the answer in the passage alone."""
    return bool(question) and bool(coverage(text_of(reader.stream(question, [passage], Tracer())), [answer]))


def _is_grounded(question: str, passage: Passage) -> bool:
    """Whether most words of a question occur in its passage."""
    words = set(tokenise(question)) - stop_words()
    shared = words & set(tokenise(f"{passage.title} {passage.text}"))
    return bool(words) and len(shared) >= _GROUNDED * len(words)


def _drafts(passages: Sequence[Passage], rng: random.Random) -> Iterator[_Draft]:
    """Sentences that contain a possible answer, one from each passage in turn."""
    queues: list[list[_Draft]] = []
    for passage in rng.sample(passages, len(passages)):
        drafts = [
            _Draft(passage, sentence, match.group())
            for sentence in whole_sentences(passage.text)
            if not _RECORD.search(sentence)
            for match in _ANSWER.finditer(sentence)
            if match.group() not in passage.title
        ]
        rng.shuffle(drafts)
        if drafts:
            queues.append(drafts)
    while queues:
        for drafts in queues:
            yield drafts.pop()
        queues = [drafts for drafts in queues if drafts]


def _question(number: int, text: str, draft: _Draft) -> Question:
    name = f"generated-{number:02d}"
    return Question(name, text, (draft.answer,), (draft.passage.id,), (draft.sentence,), GENERATED)
