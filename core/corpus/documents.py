"""The documents that a corpus is made of, and the corpus with some of them put in, replaced or taken out.

A document is the passages that were read from one file; passages that came as passages belong to none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from core.corpus.importing import ImportReport
from core.corpus.types import Corpus, Passage, Question
from core.errors import CorpusError
from core.messages import message


@dataclass(frozen=True)
class StoredDocument:
    """A file of a corpus.

    Attributes:
        file: Its name, with the folder it stood in.
        passages: Passages that were read from it.
        pages: The last page that holds one; 0 where the format has no pages.
    """

    file: str
    passages: int
    pages: int


def documents(corpus: Corpus) -> list[StoredDocument]:
    """The files of a corpus, in the order in which their passages come."""
    by_file: dict[str, list[Passage]] = {}
    for passage in corpus.passages:
        if passage.source:
            by_file.setdefault(passage.source.file, []).append(passage)
    return [
        StoredDocument(file, len(members), max(passage.source.last_page for passage in members if passage.source))
        for file, members in by_file.items()
    ]


def without(corpus: Corpus, files: Iterable[str]) -> Corpus:
    """The corpus without some of its documents, and without the questions that rest on them.

    Raises:
        CorpusError: One of them is not there.
    """
    removed, existing = set(files), {document.file for document in documents(corpus)}
    if missing := sorted(removed - existing):
        raise CorpusError(
            message("The corpus has no document {name!r}.", name=missing[0]),
            message("It has: {names}.", names=", ".join(sorted(existing)) or "none"),
        )
    return _with(corpus, [passage for passage in corpus.passages if _file(passage) not in removed])


def others(corpus: Corpus, files: Iterable[str]) -> list[Passage]:
    """Passages of all but some documents: those whose ids are taken when these are read again."""
    return [passage for passage in corpus.passages if _file(passage) not in set(files)]


def put(corpus: Corpus, report: ImportReport) -> Corpus:
    """The corpus with what was read from files; a document of the same name gives its place to the new one."""
    fresh: dict[str, list[Passage]] = {}
    for passage in report.passages:
        fresh.setdefault(_file(passage), []).append(passage)
    passages: list[Passage] = []
    replaced = set(fresh) - {""}
    for passage in corpus.passages:
        file = _file(passage)
        passages += fresh.pop(file, []) if file in replaced else [passage]
    passages += [passage for group in fresh.values() for passage in group]
    questions = dict(corpus.questions)
    for split, group in report.questions.items():
        ids = {question.id for question in questions.get(split, ())}
        questions[split] = (*questions.get(split, ()), *(question for question in group if question.id not in ids))
    return _with(replace(corpus, questions=questions), passages)


def _file(passage: Passage) -> str:
    return passage.source.file if passage.source else ""


def _with(corpus: Corpus, passages: Sequence[Passage]) -> Corpus:
    ids = {passage.id for passage in passages}

    def rests(group: Iterable[Question]) -> tuple[Question, ...]:
        return tuple(question for question in group if ids.issuperset(question.passage_ids))

    questions = {split: kept for split, group in corpus.questions.items() if (kept := rests(group))}
    return replace(corpus, passages=tuple(passages), questions=questions)
