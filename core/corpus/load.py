"""The one way in: a source becomes a ``Corpus``.

    load_corpus("sample", count=prompt.count)
    load_corpus("squad", size=500, count=prompt.count)
    load_corpus("path/to/nq", count=prompt.count)            # passages.jsonl and questions_dev.jsonl
    load_corpus("path/to/report.pdf", count=prompt.count)    # or CSV, TSV, JSONL, Parquet, TXT, Markdown
    load_corpus("path/to/documents", count=prompt.count)     # all files in it that can be read

Questions come with the sample, the sets of the hub and folders with passages.jsonl; documents have none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from core.corpus.chunking import Count, chunk
from core.corpus.duplicates import without_duplicates
from core.corpus.folder import is_corpus_folder
from core.corpus.hub import HUB_SETS, load_hub
from core.corpus.importing import FileResult, Importer, ImportReport, import_folder
from core.corpus.intake import MAX_PASSAGES
from core.corpus.sample import load_sample
from core.corpus.store import load
from core.corpus.types import Corpus, Passage, Question
from core.errors import CorpusError
from core.said import said

WHOLE = 960
"""Tokens up to which a passage that came as a passage stays whole: it must fit a Voronoi cell."""
_SHOWN = 5


def load_corpus(
    source: str,
    *,
    size: int | None = None,
    count: Count,
    on_file: Callable[[FileResult], None] | None = None,
) -> Corpus:
    """Reads a corpus; duplicates are removed, long documents cut.

    Args:
        source: "sample", a name in ``HUB_SETS``, or the path of a file or folder.
        size: Keep the first ``size`` passages, and the questions whose gold passages are all among them.
        count: Tokens of a text, by the tokenizer of the language model.
        on_file: Told what became of each file, when the source is a file or a folder of files.

    Raises:
        CorpusError: The source is unknown or cannot be read.
    """
    if size is not None and not 1 <= size <= MAX_PASSAGES:
        raise CorpusError(
            said("A corpus of {n:,} passages is not possible.", n=size), said("Ask for 1 to {n:,}.", n=MAX_PASSAGES)
        )
    corpus = _read(source, size, count, on_file)
    return take(shorten(without_duplicates(corpus).corpus, count), size)


def take(corpus: Corpus, size: int | None) -> Corpus:
    """The first ``size`` passages, and the questions whose gold passages are all among them."""
    if size is None or size >= len(corpus.passages):
        return corpus
    passages = corpus.passages[:size]
    kept = {passage.id for passage in passages}
    questions = {
        split: tuple(question for question in group if kept.issuperset(question.passage_ids))
        for split, group in corpus.questions.items()
    }
    return replace(corpus, passages=passages, questions={split: group for split, group in questions.items() if group})


def shorten(corpus: Corpus, count: Count, whole: int = WHOLE) -> Corpus:
    """Cuts passages of more than ``whole`` tokens; their questions point to the piece that holds the evidence.

    Raises:
        CorpusError: A passage cannot be cut.
    """
    pieces: dict[str, list[Passage]] = {}
    passages: list[Passage] = []
    taken = {passage.id for passage in corpus.passages}
    for passage in corpus.passages:
        # A token has at least one byte, so most passages need no counting.
        parts = [passage]
        if len(passage.text.encode()) > whole and count(passage.text) > whole:
            parts = _cut(passage, chunk(passage.text, count), taken)
            pieces[passage.id] = parts
        passages += parts
    if not pieces:
        return corpus
    questions = {
        split: tuple(_aim(question, pieces) for question in group) for split, group in corpus.questions.items()
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


def _aim(question: Question, pieces: dict[str, list[Passage]]) -> Question:
    """The question with every gold passage that was cut replaced by its best piece."""

    def best(passage_id: str) -> str:
        parts = pieces.get(passage_id)
        if parts is None:
            return passage_id
        clues = (*question.evidence, *question.answers)
        return next((part.id for clue in clues for part in parts if clue in part.text), parts[0].id)

    return replace(question, passage_ids=tuple(best(passage_id) for passage_id in question.passage_ids))


def _read(source: str, size: int | None, count: Count, on_file: Callable[[FileResult], None] | None) -> Corpus:
    if source == "sample":
        return load_sample()
    if source in HUB_SETS:
        return load_hub(source, size)
    path = _existing(source)
    if path is None:
        names = ", ".join(("sample", *HUB_SETS))
        raise CorpusError(
            said("There is no corpus {source!r}: no such file or folder.", source=source),
            said("Give a path, or one of: {names}.", names=names),
        )
    if path.is_dir() and is_corpus_folder(path):
        return load(path)
    if path.is_dir():
        report = import_folder(path, count)
    else:
        importer = Importer(count)
        importer.add_path(path)
        report = importer.report()
    if on_file:
        for result in report.files:
            on_file(result)
    return Corpus(path.resolve().name, _all_or_some(report, path), {})


def _existing(source: str) -> Path | None:
    """The path a source names, if there is something; an empty one does not mean the current folder."""
    try:
        path = Path(source).expanduser()
        return path if source.strip() and path.exists() else None
    except (OSError, ValueError, RuntimeError):  # too long, a NUL character, a home folder nobody has
        return None


def _all_or_some(report: ImportReport, path: Path) -> tuple[Passage, ...]:
    if report.passages:
        return report.passages
    if len(report.files) == 1:
        raise CorpusError(report.files[0].error)
    shown = " ".join(file.error for file in report.failed[:_SHOWN])
    more = f" ({len(report.failed) - _SHOWN} more were refused.)" if len(report.failed) > _SHOWN else ""
    raise CorpusError(f"None of the {len(report.files)} files in {path} can be read. {shown}{more}")
