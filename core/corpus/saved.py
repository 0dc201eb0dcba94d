"""Data sets that are a folder: BEIR's, and those that the ``datasets`` library saved to disk.

    corpus.jsonl       _id, title, text
    queries.jsonl      _id, text
    qrels/SPLIT.tsv    query-id, corpus-id, score: above 0 the passage is gold

BEIR judges what is found and not what is answered: its questions have no answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.corpus.limits import MAX_PASSAGES, clean, clean_title, read_file, refused
from core.corpus.published import gather, recognise
from core.corpus.readers.encodings import decode
from core.corpus.readers.tables import json_lines, to_document
from core.corpus.types import Corpus, Passage, Question
from core.messages import message

_CORPUS, _QUERIES, _QRELS = "corpus.jsonl", "queries.jsonl", "qrels"
_STATE, _SPLITS = "state.json", "dataset_dict.json"


def is_beir(folder: Path) -> bool:
    """Whether a folder is laid out as BEIR's are."""
    return all((folder / name).is_file() for name in (_CORPUS, _QUERIES)) and (folder / _QRELS).is_dir()


def read_beir(folder: Path) -> Corpus:
    """Reads passages, and the questions of every split that has judgements.

    Raises:
        CorpusError: Something in it cannot be read.
    """
    passages: dict[str, Passage] = {}
    for where, row in json_lines(_CORPUS, read_file(folder / _CORPUS)):
        name = clean_title(str(row.get("_id", "")), where)
        text = clean(str(row.get("text") or ""), where)
        if not name or not text:
            continue  # BEIR's own files hold documents without a text
        passages[name] = Passage(name, clean_title(str(row.get("title") or ""), where), text)
        if len(passages) > MAX_PASSAGES:
            raise refused(where, message("goes beyond {n:,} passages", n=MAX_PASSAGES), "Split the folder.")
    texts = {
        str(row.get("_id", "")): clean(str(row.get("text") or ""), where)
        for where, row in json_lines(_QUERIES, read_file(folder / _QUERIES))
    }
    questions: dict[str, tuple[Question, ...]] = {}
    for path in sorted((folder / _QRELS).glob("*.tsv")):
        gold = _gold(path, passages)
        labelled = tuple(Question(name, texts[name], (), tuple(ids)) for name, ids in gold.items() if texts.get(name))
        questions |= {path.stem: labelled} if labelled else {}
    if not passages:
        raise refused(str(folder / _CORPUS), "holds no passage", "Put one JSON object on each line.")
    return Corpus(folder.resolve().name, tuple(passages.values()), questions)


def _gold(path: Path, passages: dict[str, Passage]) -> dict[str, list[str]]:
    gold: dict[str, list[str]] = {}
    for line in decode(path.name, read_file(path))[0].split("\n")[1:]:
        cells = line.split("\t")
        if len(cells) >= 3 and cells[1] in passages and cells[2].strip().lstrip("+").isdigit() and int(cells[2]) > 0:
            gold.setdefault(cells[0], []).append(cells[1])
    return gold


def is_saved(folder: Path) -> bool:
    """Whether a folder was written by ``save_to_disk`` of the datasets library."""
    return (folder / _SPLITS).is_file() or ((folder / _STATE).is_file() and (folder / "dataset_info.json").is_file())


def read_saved(folder: Path) -> Corpus:
    """Reads a data set saved to disk: questions over passages where it is a known one, else a passage a row.

    Raises:
        CorpusError: Something in it cannot be read.
    """
    rows = list(_rows(folder))
    name = folder.resolve().name
    convert = recognise(rows[0][1]) if rows else None
    if convert:
        gathered = gather(name, rows, convert, MAX_PASSAGES)
        return Corpus(name, tuple(gathered.passages.values()), gathered.splits())
    sections = to_document(name, rows).sections
    if not sections:
        raise refused(name, "holds no passage", "Save a data set with text in it.")
    named = ((section.id or f"{name}-{number:05d}", section) for number, section in enumerate(sections, 1))
    return Corpus(name, tuple(Passage(own, section.title, section.text, section.topic) for own, section in named), {})


def _rows(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    from datasets import Dataset, load_from_disk

    try:
        loaded = load_from_disk(str(folder))
    except (OSError, ValueError, KeyError, json.JSONDecodeError) as error:
        why = message("is no readable data set ({kind}: {error})", kind=type(error).__name__, error=str(error))
        raise refused(str(folder), why, "Save it again.") from error
    splits = {"": loaded} if isinstance(loaded, Dataset) else dict(loaded)
    for split, rows in splits.items():
        for number, row in enumerate(rows, 1):
            if number > MAX_PASSAGES:
                return
            yield f"{split or folder.name}, row {number},", row
