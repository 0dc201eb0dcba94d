"""Loads a ``Corpus`` from any source.

    load_corpus("sample", count=prompt.count)                # or "sample-ko", the Korean one
    load_corpus("squad", size=500, count=prompt.count)
    load_corpus("path/to/nq", count=prompt.count)            # passages.jsonl and questions_dev.jsonl
    load_corpus("path/to/beir", count=prompt.count)          # corpus.jsonl, queries.jsonl, qrels/, or a saved data set
    load_corpus("path/to/report.pdf", count=prompt.count)    # or another format of ``core.corpus.readers.registry``
    load_corpus("path/to/documents", count=prompt.count)     # all files in it that can be read

Questions come with the samples, the sets of the hub, data sets as their authors publish them and folders with
passages.jsonl; documents have none.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core.corpus.chunking import DEFAULT_CHUNKING, WHOLE, Chunking, Count, chunk, reading_count
from core.corpus.duplicates import without_duplicates
from core.corpus.folder import is_corpus_folder
from core.corpus.hub import HUB_SETS, load_hub
from core.corpus.importing import FileResult, Importer, ImportReport, import_folder
from core.corpus.limits import MAX_PASSAGES
from core.corpus.readers.base import DEFAULT_COLUMNS, Columns, ColumnsUnknown
from core.corpus.sample import SAMPLES, load_sample
from core.corpus.saved import is_beir, is_saved, read_beir, read_saved
from core.corpus.store import load
from core.corpus.types import Corpus, Passage, Question
from core.errors import CorpusError
from core.jobs import finish
from core.messages import joined, message

_REPORTED_FILES = 5


@dataclass(frozen=True)
class Loaded:
    """A source that was read.

    Attributes:
        corpus: Without duplicates, long documents cut.
        files: The outcome for each file, when the source is a file or a folder of files.
        duplicates: Passages left out because another has their title and text.
        paths: Digest to path of the files that were read.
    """

    corpus: Corpus
    files: tuple[FileResult, ...]
    duplicates: int
    paths: dict[str, Path]


def load_corpus(source: str, *, size: int | None = None, count: Count) -> Corpus:
    """Reads a corpus and waits for it; see ``loading``."""
    return finish(loading(source, size=size, count=count)).corpus


def loading(
    source: str,
    *,
    size: int | None = None,
    count: Count,
    columns: Columns = DEFAULT_COLUMNS,
    chunking: Chunking = DEFAULT_CHUNKING,
) -> Generator[str, None, Loaded]:
    """Reads a corpus; duplicates are removed, long documents cut. Closing the generator ends the reading.

    Args:
        source: "sample", "sample-ko", a name in ``HUB_SETS``, or the path of a file or folder.
        size: Keep the first ``size`` passages, and the questions whose gold passages are all among them.
        count: Tokens of a text, by the tokenizer of the language model.
        columns: The role of each column of a table.

    Yields:
        The name of the file that is being read, again and again while it is.

    Raises:
        CorpusError: The source is unknown or cannot be read.
    """
    if size is not None and not 1 <= size <= MAX_PASSAGES:
        raise CorpusError(
            message("A corpus of {n:,} passages is not possible.", n=size),
            message("Ask for 1 to {n:,}.", n=MAX_PASSAGES),
        )
    corpus, files, paths = yield from _read(source, size, Importer(count, chunking=chunking), columns)
    distinct = without_duplicates(replace(corpus, chunking=chunking))
    duplicates = distinct.removed + sum(file.duplicates for file in files)
    return Loaded(take(shorten(distinct.corpus, count), size), files, duplicates, paths)


def corpus_of(name: str, report: ImportReport, count: Count) -> Corpus:
    """Imported files as a corpus; ready-made passages that are too long for a cell are cut."""
    return shorten(Corpus(name, report.passages, report.questions, report.chunking, report.duplicate_of), count)


def take(corpus: Corpus, size: int | None) -> Corpus:
    """The first ``size`` passages, and the questions whose gold passages are all among them."""
    if size is None or size >= len(corpus.passages):
        return corpus
    passages = corpus.passages[:size]
    ids = {passage.id for passage in passages}
    questions = {
        split: tuple(question for question in group if ids.issuperset(question.passage_ids))
        for split, group in corpus.questions.items()
    }
    return replace(corpus, passages=passages, questions={split: group for split, group in questions.items() if group})


def shorten(corpus: Corpus, count: Count) -> Corpus:
    """Cuts passages of more than ``WHOLE`` tokens; their questions point to the piece that holds the evidence.

    Raises:
        CorpusError: A passage cannot be cut.
    """
    pieces: dict[str, list[Passage]] = {}
    passages: list[Passage] = []
    taken = {passage.id for passage in corpus.passages}
    how = corpus.chunking
    for passage in corpus.passages:
        # A token has at least one byte, so most passages need no counting.
        parts = [passage]
        if len(passage.text.encode()) > WHOLE and count(passage.text) > WHOLE:
            texts = chunk(passage.text, reading_count(count, how.most), how.length, how.most, how.overlap)
            parts = _cut(passage, list(texts), taken)
            pieces[passage.id] = parts
        passages += parts
    if not pieces:
        return corpus
    questions = {
        split: tuple(_retarget(question, pieces) for question in group) for split, group in corpus.questions.items()
    }
    return replace(corpus, passages=tuple(passages), questions=questions)


def _cut(passage: Passage, texts: Sequence[str], taken: set[str]) -> list[Passage]:
    parts: list[Passage] = []
    for number, text in enumerate(texts, 1):
        name = f"{passage.id}-{number}"
        while name in taken:
            name += "x"
        taken.add(name)
        parts.append(replace(passage, id=name, text=text))
    return parts


def _retarget(question: Question, pieces: dict[str, list[Passage]]) -> Question:
    """The question with every gold passage that was cut replaced by its best piece."""

    def best(passage_id: str) -> str:
        parts = pieces.get(passage_id)
        if parts is None:
            return passage_id
        clues = (*question.evidence, *question.answers)
        return next((part.id for clue in clues for part in parts if clue in part.text), parts[0].id)

    return replace(question, passage_ids=tuple(best(passage_id) for passage_id in question.passage_ids))


def _read(
    source: str, size: int | None, importer: Importer, columns: Columns
) -> Generator[str, None, tuple[Corpus, tuple[FileResult, ...], dict[str, Path]]]:
    if source in SAMPLES:
        return load_sample(source), (), {}
    if source in HUB_SETS:
        return load_hub(source, size), (), {}
    path = _existing(source)
    if path is None:
        names = ", ".join((*SAMPLES, *HUB_SETS))
        raise CorpusError(
            message("There is no corpus {source!r}: no such file or folder.", source=source),
            message("Give a path, or one of: {names}.", names=names),
        )
    for matches, read in ((is_corpus_folder, load), (is_beir, read_beir), (is_saved, read_saved)):
        if matches(path):
            return read(path), (), {}
    if path.is_dir():
        yield from import_folder(path, importer)
    else:
        for _ in importer.reading_path(path, columns=columns):
            yield path.name
    report = importer.report()
    name, passages = path.resolve().name, _passages_or_refusal(report, path)
    corpus = Corpus(name, passages, report.questions, duplicate_of=report.duplicate_of)
    return corpus, report.files, report.paths


def _existing(source: str) -> Path | None:
    """The path of a source, if it exists; an empty source does not mean the current folder."""
    try:
        path = Path(source).expanduser()
        return path if source.strip() and path.exists() else None
    except (OSError, ValueError, RuntimeError):  # too long, a NUL character, the home folder of an unknown user
        return None


def _passages_or_refusal(report: ImportReport, path: Path) -> tuple[Passage, ...]:
    if report.passages:
        return report.passages
    if len(report.files) == 1:
        (file,) = report.files
        raise ColumnsUnknown(file.error, "", file.choice) if file.choice else CorpusError(file.error)
    shown = joined(" ", (file.error for file in report.failed[:_REPORTED_FILES]))
    values: dict[str, object] = {"n": len(report.files), "path": path, "reasons": shown}
    if len(report.failed) <= _REPORTED_FILES:
        raise CorpusError(message("None of the {n} files in {path} can be read. {reasons}", **values))
    values["more"] = len(report.failed) - _REPORTED_FILES
    why = message("None of the {n} files in {path} can be read. {reasons} ({more} more were refused.)", **values)
    raise CorpusError(why)
