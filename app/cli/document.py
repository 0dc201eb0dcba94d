"""One document, as commands are given it: its text, a file, or an unseen passage of the sample."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from core.corpus.types import Passage, Question

TextOption = Annotated[str, typer.Option(help="The document itself.")]
FileOption = Annotated[Path | None, typer.Option(help="A text file with the document.")]


def document(text: str, file: Path | None, title: str, count: Callable[[str], int]) -> Passage:
    """The document of a text or a file.

    Args:
        file: A file with it; it comes first.
        title: Its title; without it, "New document". A file brings its own.

    Raises:
        TesseraError: There is neither, or the file does not hold one short document.
    """
    from core.corpus.types import Passage
    from core.errors import TesseraError

    if file is not None:
        return _from_file(file, count)
    if not text.strip():
        raise TesseraError("There is nothing to learn.", "Give --text, --file or --unseen.")
    title = title.strip() or "New document"
    name = "-".join(title.lower().split())[:40] or "new-document"
    return Passage(name, title, text.strip())


def unseen_document(number: int) -> tuple[Passage, tuple[Question, ...]]:
    """The N-th unseen passage of the sample and its questions, from 1.

    Raises:
        TesseraError: There are fewer.
    """
    from core.corpus.sample import load_unseen
    from core.errors import TesseraError

    documents = load_unseen()
    if number > len(documents):
        raise TesseraError(f"There is no unseen passage {number}.", f"Choose 1 to {len(documents)}.")
    return documents[number - 1]


def _from_file(file: Path, count: Callable[[str], int]) -> Passage:
    from core.corpus.importing import Importer
    from core.errors import TesseraError

    if not file.is_file():
        raise TesseraError(f"There is no file {file}.", "Give the path of a document.")
    importer = Importer(count)
    importer.add(file.name, file.read_bytes())
    report = importer.report()
    if report.failed:
        raise TesseraError(report.failed[0].error)
    if len(report.passages) != 1:
        raise TesseraError(
            f"{file.name} gives {len(report.passages)} passages, and a memory learns one at a time.",
            "Give a shorter text, or put the file in the corpus and train.",
        )
    return report.passages[0]
