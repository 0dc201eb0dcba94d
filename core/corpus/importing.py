"""Files to passages, one file after the other: a file is in whole, or not at all, and says why.

    importer = Importer(count)
    for name, content in uploads:
        importer.add(name, content)      # -> FileResult, "ready" or "failed"
    importer.report().passages

Names of files are for display alone: nothing here opens a path that came with an upload.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from itertools import count as number_from
from pathlib import Path, PurePosixPath
from typing import Literal

import regex

from core.corpus.chunking import Count, chunk
from core.corpus.duplicates import same_text_key
from core.corpus.intake import MAX_PASSAGES, read_file, refused, safe_name
from core.corpus.readers.base import Document
from core.corpus.readers.registry import read_document
from core.corpus.types import Passage
from core.errors import CorpusError
from core.said import said

MAX_FILES = 2_000
_NOT_FOR_IDS = regex.compile(r"[^\w]+")


@dataclass(frozen=True)
class FileResult:
    """What became of a file.

    Attributes:
        name: Of the file, fit for display.
        status: "ready" or "failed".
        passages: Passages it gave.
        duplicates: Passages left out because their text was there already.
        error: Why it failed and what to do; empty when ready.
        note: Something worth telling though it is ready; often empty.
    """

    name: str
    status: Literal["ready", "failed"]
    passages: int = 0
    duplicates: int = 0
    error: str = ""
    note: str = ""


@dataclass(frozen=True)
class ImportReport:
    """What came out of a number of files.

    Attributes:
        passages: Of all files that are ready, in order.
        files: One result for each file, in order.
    """

    passages: tuple[Passage, ...]
    files: tuple[FileResult, ...]

    @property
    def failed(self) -> tuple[FileResult, ...]:
        """The files that were refused."""
        return tuple(file for file in self.files if file.status == "failed")


class Importer:
    """Takes files in and keeps what came of them.

    Args:
        count: Tokens of a text.
        existing: Passages that are there already; their ids and texts are not given out again.
    """

    def __init__(self, count: Count, existing: Iterable[Passage] = ()) -> None:
        self._count = count
        self._ids: set[str] = set()
        self._texts: set[str] = set()
        self._passages: list[Passage] = []
        self._files: list[FileResult] = []
        for passage in existing:
            self._ids.add(passage.id)
            self._texts.add(same_text_key(passage.text))

    def add(self, name: str, content: bytes) -> FileResult:
        """Takes one file in.

        Args:
            name: As it came; shown, never used as a path.
            content: Its bytes.
        """
        name = safe_name(name)
        try:
            return self._keep(name, read_document(name, content))
        except CorpusError as error:
            return self._log(FileResult(name, "failed", error=error.told))

    def add_path(self, path: Path, name: str = "") -> FileResult:
        """Takes one file of this machine in, shown as ``name``."""
        name = name or path.name
        try:
            return self.add(name, read_file(path, name))
        except CorpusError as error:
            return self._log(FileResult(safe_name(name), "failed", error=error.told))

    def report(self) -> ImportReport:
        """What came of all files so far."""
        return ImportReport(tuple(self._passages), tuple(self._files))

    def _keep(self, name: str, document: Document) -> FileResult:
        if not document.sections:
            raise refused(name, "holds no text", "Choose a file with text in it.")
        fresh: list[Passage] = []
        keys: set[str] = set()
        duplicates = 0
        for passage in self._cut(name, document):
            key = same_text_key(passage.text)
            if key in keys or key in self._texts:
                duplicates += 1
                continue
            keys.add(key)
            fresh.append(passage)
            if len(self._ids) + len(fresh) > MAX_PASSAGES:
                why = said("brings the corpus above {n:,} passages", n=MAX_PASSAGES)
                raise refused(name, why, "Leave it out or split it.")
        self._passages += fresh
        self._texts |= keys
        self._ids |= {passage.id for passage in fresh}
        return self._log(FileResult(name, "ready", len(fresh), duplicates, note=document.note))

    def _cut(self, name: str, document: Document) -> Iterator[Passage]:
        stem = PurePosixPath(name).stem
        base = _NOT_FOR_IDS.sub("-", stem).strip("-").casefold() or "file"
        given: set[str] = set()
        number = 0
        for section in document.sections:
            try:
                pieces = chunk(section.text, self._count)
            except CorpusError as error:
                raise CorpusError(said("{name}: {what}", name=name, what=said(error.what)), error.remedy) from error
            for part, text in enumerate(pieces, 1):
                number += 1
                wanted = prefixed = f"{base}-{number:04d}"
                if section.id:
                    wanted = section.id if len(pieces) == 1 else f"{section.id}-{part}"
                    prefixed = f"{base}-{wanted}"
                passage_id = _free(wanted, prefixed, self._ids, given)
                given.add(passage_id)
                yield Passage(passage_id, section.title or stem, text, section.topic)

    def _log(self, result: FileResult) -> FileResult:
        self._files.append(result)
        return result


def import_files(files: Sequence[tuple[str, bytes]], count: Count, existing: Iterable[Passage] = ()) -> ImportReport:
    """Takes uploads in.

    Args:
        files: Name and content of each; names are shown, never used as paths.
        count: Tokens of a text.
        existing: Passages that are there already.
    """
    importer = Importer(count, existing)
    for name, content in files:
        importer.add(name, content)
    return importer.report()


def import_folder(folder: Path, count: Count) -> ImportReport:
    """Takes in the files of a folder and of the folders in it, in order of their names; hidden ones are left alone.

    Raises:
        CorpusError: It holds no file, or more than ``MAX_FILES``.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not _hidden(path.relative_to(folder)))
    if not paths:
        raise refused(str(folder), "holds no file", "Put documents in it, or a passages.jsonl.")
    if len(paths) > MAX_FILES:
        why = said("holds {n:,} files, and {limit:,} is the limit", n=len(paths), limit=MAX_FILES)
        raise refused(str(folder), why, "Choose a part of it.")
    importer = Importer(count)
    for path in paths:
        importer.add_path(path)
    return importer.report()


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _free(wanted: str, prefixed: str, *taken: set[str]) -> str:
    """The first of ``wanted``, ``prefixed`` and numbered variants that nobody has."""
    candidates = chain((wanted, prefixed), (f"{prefixed}-{number}" for number in number_from(2)))
    return next(name for name in candidates if not any(name in names for names in taken))
