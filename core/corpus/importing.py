"""Files to passages, one file after another: a file is imported whole, or refused with the reason.

    importer = Importer(count)
    for name, content in uploads:
        importer.add(name, content)      # -> FileResult, "ready" or "failed"
    importer.report().passages

Names of files are for display alone: nothing here opens a path that came with an upload. Readers run in a process of
their own (``core.corpus.readers.worker``); to show progress or to cancel, step through ``reading``.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from itertools import count as number_from
from pathlib import Path, PurePosixPath
from typing import Literal

import regex

from core.corpus.chunking import DEFAULT_CHUNKING, Chunking, Count, chunk_spans, reading_count
from core.corpus.duplicates import same_passage_key
from core.corpus.limits import MAX_PASSAGES, MAX_TITLE, clean_title, read_file, refused, safe_name
from core.corpus.originals import digest_of
from core.corpus.readers.base import DEFAULT_COLUMNS, ColumnChoice, Columns, ColumnsUnknown, Document, Section
from core.corpus.readers.worker import ReaderProcess
from core.corpus.types import Passage, Question, Source, boxes_within
from core.errors import CorpusError
from core.jobs import finish
from core.messages import message

MAX_FILES = 2_000
_NOT_FOR_IDS = regex.compile(r"[^\w]+")


@dataclass(frozen=True)
class FileResult:
    """The outcome of importing a file.

    Attributes:
        name: Of the file, fit for display.
        status: "ready" or "failed".
        duplicates: Passages left out because the same title and text were there already.
        error: Why it failed and what to do; empty when ready.
        note: A remark on a file that is ready; often empty.
        choice: Columns to choose the text from, if the file failed because that was not clear.
    """

    name: str
    status: Literal["ready", "failed"]
    passages: int = 0
    duplicates: int = 0
    error: str = ""
    note: str = ""
    choice: ColumnChoice | None = None


@dataclass(frozen=True)
class ImportReport:
    """The outcome of importing several files.

    Attributes:
        passages: Of all files that are ready, in order.
        files: One result for each file, in order.
        questions: By split, of the files that are data sets of questions.
        paths: Digest to path, of the files that were read from this machine.
        duplicate_of: See ``Corpus``.
    """

    passages: tuple[Passage, ...]
    files: tuple[FileResult, ...]
    questions: dict[str, tuple[Question, ...]]
    paths: dict[str, Path] = field(default_factory=dict)
    chunking: Chunking = DEFAULT_CHUNKING
    duplicate_of: dict[str, str] = field(default_factory=dict)

    @property
    def failed(self) -> tuple[FileResult, ...]:
        """The files that were refused."""
        return tuple(file for file in self.files if file.status == "failed")


@dataclass(frozen=True)
class Reading:
    """A file that was read and is not yet cut into passages."""

    name: str
    folder: str
    digest: str
    document: Document


class Importer:
    """Reads files and collects their passages.

    Args:
        count: Tokens of a text, by the tokenizer of the language model.
        existing: Passages that are there already; their ids are not used again, nor their texts imported.

    Attributes:
        readings: Each file as it was read, or why it was refused: another importer may ``cut`` them in another way.
    """

    def __init__(self, count: Count, existing: Iterable[Passage] = (), chunking: Chunking = DEFAULT_CHUNKING) -> None:
        self._count, self._chunking = reading_count(count, chunking.most), chunking
        self.readings: list[Reading | FileResult] = []
        self._ids: set[str] = set()
        self._keys: dict[tuple[str, str], str] = {}
        self._passages: list[Passage] = []
        self._questions: dict[str, list[Question]] = {}
        self._files: list[FileResult] = []
        self._paths: dict[str, Path] = {}
        self._duplicate_of: dict[str, str] = {}
        self._process = ReaderProcess()
        for passage in existing:
            self._ids.add(passage.id)
            self._keys.setdefault(same_passage_key(passage.title, passage.text), passage.id)

    def add(self, name: str, content: bytes, folder: str = "", columns: Columns = DEFAULT_COLUMNS) -> FileResult:
        """Imports one file and waits for it; see ``reading``."""
        return finish(self.reading(name, content, folder, columns))

    def reading(
        self, name: str, content: bytes, folder: str = "", columns: Columns = DEFAULT_COLUMNS
    ) -> Generator[float, None, FileResult]:
        """Imports one file; closing the generator ends its reader and discards the file.

        Args:
            name: For display, never used as a path.
            folder: Its place below the imported folder, with "/" between names. The ids of its passages begin with it,
                so that they stay the same when a file of the same name is added elsewhere.
            columns: The role of each column of a table.

        Yields:
            Seconds for which it has been read.
        """
        name = safe_name(name)
        try:
            document = yield from self._process.read(name, content, columns)
        except ColumnsUnknown as error:
            return self.cut(FileResult(name, "failed", error=error.message, choice=error.choice))
        except CorpusError as error:
            return self.cut(FileResult(name, "failed", error=error.message))
        return self.cut(Reading(name, folder, digest_of(content), document))

    def cut(self, reading: Reading | FileResult) -> FileResult:
        """Cuts a file that was read into passages; one that was refused stays refused."""
        self.readings.append(reading)
        if isinstance(reading, FileResult):
            return self._log(reading)
        try:
            return self._keep(reading.name, reading.folder, reading.digest, reading.document)
        except CorpusError as error:
            return self._log(FileResult(reading.name, "failed", error=error.message))

    def reading_path(
        self, path: Path, folder: str = "", columns: Columns = DEFAULT_COLUMNS
    ) -> Generator[float, None, FileResult]:
        """Imports one file of this machine; see ``reading``."""
        try:
            content = read_file(path, path.name)
        except CorpusError as error:
            return self.cut(FileResult(safe_name(path.name), "failed", error=error.message))
        self._paths[digest_of(content)] = path
        return (yield from self.reading(path.name, content, folder, columns))

    def report(self) -> ImportReport:
        """The result of all files so far."""
        questions = {split: tuple(group) for split, group in self._questions.items()}
        passages, files = tuple(self._passages), tuple(self._files)
        return ImportReport(passages, files, questions, self._paths, self._chunking, self._duplicate_of)

    def refuse(self, name: str, why: str, remedy: str) -> FileResult:
        """Leaves a file out without reading it.

        Args:
            why: The rest of a sentence that begins with the name.
        """
        return self.cut(FileResult(safe_name(name), "failed", error=refused(safe_name(name), why, remedy).message))

    def _keep(self, name: str, folder: str, digest: str, document: Document) -> FileResult:
        if not document.sections:
            raise refused(name, "holds no text", "Choose a file with text in it.")
        fresh: list[Passage] = []
        keys: dict[tuple[str, str], str] = {}
        duplicate_of: dict[str, str] = {}
        for passage in self._labelled(document) if document.questions else self._cut(name, folder, digest, document):
            key = same_passage_key(passage.title, passage.text)
            same = keys.get(key) or self._keys.get(key)
            if same:
                duplicate_of[passage.id] = same
                continue
            keys[key] = passage.id
            fresh.append(passage)
            if len(self._ids) + len(fresh) > MAX_PASSAGES:
                why = message("brings the corpus above {n:,} passages", n=MAX_PASSAGES)
                raise refused(name, why, "Leave it out or split it.")
        self._passages += fresh
        self._keys |= keys
        self._duplicate_of |= duplicate_of
        self._ids |= {passage.id for passage in fresh}
        for split, questions in document.questions.items():
            self._questions.setdefault(split, []).extend(question.about(duplicate_of) for question in questions)
        duplicates = len(duplicate_of)
        return self._log(FileResult(name, "ready", len(fresh), duplicates, note=document.note))

    def _labelled(self, document: Document) -> Iterator[Passage]:
        """Passages that questions name by their ids; those that are there already are left out."""
        for section in document.sections:
            if section.id not in self._ids:
                yield Passage(section.id, section.title, section.text, section.topic)

    def _cut(self, name: str, folder: str, digest: str, document: Document) -> Iterator[Passage]:
        stem = PurePosixPath(name).stem
        base = _NOT_FOR_IDS.sub("-", f"{folder}/{stem}").strip("-").casefold() or "file"
        file = clean_title(f"{folder}/{name}" if folder not in ("", ".") else name, name)
        used: set[str] = set()
        number = before = 0
        for section in document.sections:
            pieces, rows = self._pieces(name, section), set(section.rows)
            first = list(islice(pieces, 2))
            for part, (start, end) in enumerate(chain(first, pieces), 1):
                number += 1
                plain = prefixed = f"{base}-{number:04d}"
                if section.id:
                    plain = section.id if len(first) == 1 else f"{section.id}-{part}"
                    prefixed = f"{base}-{plain}"
                passage_id = _unused_id(plain, prefixed, self._ids, used)
                used.add(passage_id)
                pages = section.page(start), section.page(end - 1)
                source = Source(file, section.title, *pages, before + start, before + end, digest)
                title = _title(document.title or stem, source) or document.title or stem
                boxes = boxes_within(section.boxes, start, end)
                text, is_row = section.text[start:end], (start, end) in rows
                yield Passage(passage_id, title, text, section.topic, source, boxes, is_row)
            before += len(section.text) + len("\n\n")

    def _pieces(self, name: str, section: Section) -> Iterator[tuple[int, int]]:
        try:
            how = self._chunking
            yield from chunk_spans(
                section.text, self._count, section.keep, section.rows, how.length, how.most, how.overlap
            )
        except CorpusError as error:
            raise CorpusError(message("{name}: {what}", name=name, what=message(error.what)), error.remedy) from error

    def _log(self, result: FileResult) -> FileResult:
        self._files.append(result)
        return result


def import_folder(folder: Path, importer: Importer) -> Generator[str, None, None]:
    """Imports the files of a folder and its subfolders, in order of their names, without hidden ones.

    A link that leads out of the folder is refused: a folder is given for its own files, not for those it points to.

    Yields:
        The name of the file that is being read, again and again while it is.

    Raises:
        CorpusError: It holds no file, or more than ``MAX_FILES``.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not _hidden(path.relative_to(folder)))
    if not paths:
        raise refused(str(folder), "holds no file", "Put documents in it, or a passages.jsonl.")
    if len(paths) > MAX_FILES:
        why = message("holds {n:,} files, and {limit:,} is the limit", n=len(paths), limit=MAX_FILES)
        raise refused(str(folder), why, "Choose a part of it.")
    root = folder.resolve()
    for path in paths:
        yield path.name
        if root not in path.resolve().parents:
            importer.refuse(path.name, "is a link that leads out of the folder", "Copy the file into the folder.")
            continue
        for _ in importer.reading_path(path, path.parent.relative_to(folder).as_posix()):
            yield path.name


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _unused_id(plain: str, prefixed: str, *taken: set[str]) -> str:
    """The first of ``plain``, ``prefixed`` and numbered variants that is not taken."""
    candidates = chain((plain, prefixed), (f"{prefixed}-{number}" for number in number_from(2)))
    return next(name for name in candidates if not any(name in names for names in taken))


def _title(document: str, source: Source) -> str:
    """The place as a person would name it: "Safety Manual, p. 3 · 6 Exposure limits", or the headings above it."""
    return replace(source, file=document).cited[:MAX_TITLE].rstrip() if source.page else source.section
