"""The corpus on disk, in the folder format of ``core.corpus.folder``, plus ``corpus.json``: name, and how it is cut."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from core.corpus.chunking import Chunking
from core.corpus.folder import PASSAGES_FILE, read_folder
from core.corpus.limits import read_file, refused
from core.corpus.types import GENERATED, Corpus, Passage, Question
from core.errors import CorpusError
from core.workspace import Workspace

NAME_FILE = "corpus.json"


def save(corpus: Corpus, folder: Path) -> None:
    """Writes a corpus into a folder; splits without questions are left out.

    Raises:
        OSError: The folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write_lines(
        folder / PASSAGES_FILE,
        (
            {
                **{"id": passage.id, "title": passage.title, "text": passage.text, "topic": passage.topic},
                **({"source": asdict(passage.source)} if passage.source else {}),
                **({"boxes": passage.boxes} if passage.boxes else {}),
                **({"row": True} if passage.row else {}),
            }
            for passage in corpus.passages
        ),
    )
    for split, questions in corpus.questions.items():
        if questions:
            write_questions(folder / f"questions_{split}.jsonl", questions)
    (folder / NAME_FILE).write_text(
        json.dumps(
            {
                "name": corpus.name,
                **asdict(corpus.chunking),
                **({"duplicate_of": dict(corpus.duplicate_of)} if corpus.duplicate_of else {}),
            },
            ensure_ascii=False,
        ),
        encoding="utf-8",
    )


def write_questions(path: Path, questions: Iterable[Question]) -> None:
    """Writes questions as ``core.corpus.folder.read_questions`` reads them.

    Raises:
        OSError: The file cannot be written.
    """
    _write_lines(
        path,
        (
            {
                "id": question.id,
                "question": question.text,
                "answers": question.answers,
                "passage_ids": question.passage_ids,
                "evidence": question.evidence,
                **({"type": question.kind} if question.kind else {}),
            }
            for question in questions
        ),
    )


def load(folder: Path) -> Corpus:
    """Reads what ``save`` wrote, or any folder of that format; without ``corpus.json`` the folder names the corpus.

    Raises:
        CorpusError: It cannot be read.
    """
    corpus = read_folder(folder)
    path = folder / NAME_FILE
    if not path.exists():
        return corpus
    try:
        about = json.loads(read_file(path))
        chunking = Chunking(**{name: int(about[name]) for name in ("length", "overlap") if name in about})
        duplicate_of = {str(removed): str(kept) for removed, kept in about.get("duplicate_of", {}).items()}
        return replace(corpus, name=str(about["name"]), chunking=chunking, duplicate_of=duplicate_of)
    except (ValueError, KeyError, TypeError, AttributeError, CorpusError) as error:
        raise refused(str(path), "is damaged", "Prepare the corpus again.") from error


def fingerprint(passages: Iterable[Passage]) -> str:
    """Digest of ids, titles and texts in order: whatever is built from passages is built from exactly these."""
    digest = hashlib.sha256()
    for passage in passages:
        digest.update(json.dumps([passage.id, passage.title, passage.text], ensure_ascii=False).encode() + b"\n")
    return digest.hexdigest()[:16]


def _write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def load_passages(ws: Workspace) -> tuple[Passage, ...]:
    """Passages of the workspace's corpus, in row order.

    Raises:
        ArtefactMissing: There is no corpus.
    """
    return ws.read("corpus", load).passages


def write_corpus(ws: Workspace, corpus: Corpus) -> None:
    """Writes the corpus of a workspace; whatever was built from another one becomes stale.

    Generated questions come and go without that: nothing is built from them.
    """
    questions = [question for question in corpus.all_questions() if question.kind != GENERATED]
    params = {
        "name": corpus.name,
        "passages": len(corpus.passages),
        "questions": len(questions),
        "digest": fingerprint(corpus.passages),
        **asdict(corpus.chunking),
    }
    with ws.write("corpus", {}, params) as folder:
        save(corpus, folder)
