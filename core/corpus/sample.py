"""The corpora that come with Tessera, invented worlds that no language model has read about.

The Orrel Isles in English, on which the shipped memory was trained, and the valley of Gaonnae in Korean.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

from core.corpus.folder import passage_from, question_from, read_folder
from core.corpus.limits import read_file, refused
from core.corpus.readers.tables import json_lines
from core.corpus.store import fingerprint
from core.corpus.types import Corpus, Passage, Question
from core.settings import ROOT

SAMPLE = ROOT / "data" / "sample"
SAMPLES = {"sample": SAMPLE, "sample-ko": ROOT / "data" / "sample-ko"}
"""Folders by name."""
UNSEEN_FILE = "unseen.jsonl"
EDITED_FILE = "edited.jsonl"
_Asked = tuple[tuple[Passage, tuple[Question, ...]], ...]
"""Passages, each with its questions."""


def load_sample(name: str = "sample") -> Corpus:
    """The passages of a sample, and its questions by split.

    Args:
        name: A key of ``SAMPLES``.

    Raises:
        CorpusError: The files are missing or damaged.
    """
    return replace(read_folder(SAMPLES[name]), name=name)


def is_sample(corpus: Corpus) -> bool:
    """Whether a corpus has the passages of the sample, these and no others."""
    return fingerprint(corpus.passages) == _shipped()


@cache
def _shipped() -> str:
    return fingerprint(load_sample().passages)


def load_unseen(folder: Path = SAMPLE) -> _Asked:
    """Passages that are not in the sample, each with its questions: for learning a new document.

    Raises:
        CorpusError: The file is missing or damaged.
    """
    return _read(folder, UNSEEN_FILE)


def load_edited() -> _Asked:
    """Passages of the sample in which one fact is another, each with a question about it: for changing a document.

    Raises:
        CorpusError: The file is missing or damaged.
    """
    return _read(SAMPLE, EDITED_FILE)


def _read(folder: Path, name: str) -> _Asked:
    rows: list[tuple[Passage, tuple[Question, ...]]] = []
    for where, row in json_lines(name, read_file(folder / name)):
        passage, questions = row.get("passage"), row.get("questions")
        if not isinstance(passage, dict) or not isinstance(questions, list):
            raise refused(where, "lacks its passage or its questions", "Restore the file.")
        own_questions = tuple(question_from(question, where) for question in questions)
        rows.append((passage_from(passage, where), own_questions))
    return tuple(rows)
