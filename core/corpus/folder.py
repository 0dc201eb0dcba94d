"""A folder with ``passages.jsonl`` and ``questions*.jsonl``, one JSON object a line.

    passages.jsonl         id, title, text, optional topic and source (file, section, page, last_page, ...), boxes
    questions_dev.jsonl    id, question, answers, passage_id or passage_ids, optional evidence (text or list), type;
                           answers may be called answer or golden_answers, and are empty for an unanswerable question
    questions.jsonl        the same; its split is "test"

Fields besides these are ignored. The passages are taken as they are cut: questions name them by id.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any

import regex

from core.corpus.limits import MAX_PASSAGES, clean, clean_title, read_file, refused
from core.corpus.originals import is_digest
from core.corpus.readers.tables import json_lines
from core.corpus.types import Box, Corpus, Passage, Question, Source
from core.messages import message

PASSAGES_FILE = "passages.jsonl"
MAX_ID = 200
_QUESTIONS_FILE = regex.compile(r"questions(?:_(?<split>[A-Za-z0-9]\w*))?\.jsonl")
_DEFAULT_SPLIT = "test"
ANSWER_FIELDS = ("answers", "answer", "golden_answers")


class _Anything(Container[str]):
    def __contains__(self, key: object) -> bool:
        return True


ANYTHING = _Anything()
"""Contains every id: for questions whose passages are looked at afterwards."""


def is_corpus_folder(folder: Path) -> bool:
    """Whether a folder holds passages and questions in this format."""
    return (folder / PASSAGES_FILE).is_file()


def read_folder(folder: Path) -> Corpus:
    """Reads a folder whole, or not at all.

    Raises:
        CorpusError: Something in it cannot be read; the message names the file, the line and the reason.
    """
    passages = tuple(read_passages(PASSAGES_FILE, read_file(folder / PASSAGES_FILE)))
    if not passages:
        raise refused(str(folder / PASSAGES_FILE), "holds no passage", "Put one JSON object on each line.")
    known = {passage.id for passage in passages}
    questions: dict[str, tuple[Question, ...]] = {}
    for path in sorted(folder.glob("questions*.jsonl")):
        match = _QUESTIONS_FILE.fullmatch(path.name)
        if not match:
            raise refused(path.name, "names no split", "Call it questions_train.jsonl, for instance.")
        split = match["split"] or _DEFAULT_SPLIT
        if split in questions:
            raise refused(
                path.name,
                message("gives the split {split!r} a second time", split=split),
                "Remove or rename one of the two.",
            )
        questions[split] = tuple(read_questions(path.name, read_file(path, path.name), known))
    return Corpus(folder.resolve().name, passages, questions)


def read_passages(name: str, content: bytes) -> Iterator[Passage]:
    """Passages of a file.

    Raises:
        CorpusError: A line is broken, lacks a field, or repeats an id.
    """
    seen: dict[str, str] = {}
    for where, row in json_lines(name, content):
        passage = passage_from(row, where)
        _once(passage.id, where, seen)
        if len(seen) > MAX_PASSAGES:
            raise refused(where, message("goes beyond {n:,} passages", n=MAX_PASSAGES), "Split the folder.")
        yield passage


def read_questions(name: str, content: bytes, known: Container[str]) -> Iterator[Question]:
    """Questions of a file.

    Args:
        name: Of the file, for refusals.
        known: Ids of the passages there are.

    Raises:
        CorpusError: A line is broken, lacks a field, repeats an id, or names a passage that is not there.
    """
    seen: dict[str, str] = {}
    for where, row in json_lines(name, content):
        question = question_from(row, where)
        _once(question.id, where, seen)
        for passage_id in question.passage_ids:
            if passage_id not in known:
                raise refused(
                    where, message("names the passage {id!r}, which is not there", id=passage_id), "Correct the line."
                )
        yield question


def passage_from(row: Mapping[str, Any], where: str) -> Passage:
    """A passage of a JSON object.

    Raises:
        CorpusError: It lacks a field, or one is of the wrong kind.
    """
    return Passage(
        id=_id(row, where),
        title=clean_title(_optional(row, "title", where), where),
        text=_required(row, "text", where),
        topic=clean_title(_optional(row, "topic", where), where),
        source=_source(row.get("source"), where),
        boxes=_boxes(row.get("boxes")),
        row=row.get("row") is True,
    )


def _source(value: object, where: str) -> Source | None:
    """Where a passage was read; None where the field is missing, or is another one of the same name."""
    if not isinstance(value, Mapping) or not isinstance(value.get("file"), str):
        return None
    file, section = (clean_title(str(value.get(name) or ""), where) for name in ("file", "section"))
    values = {name: value.get(name) for name in ("page", "last_page", "start", "end")}
    numbers = {name: number for name, number in values.items() if isinstance(number, int)}
    digest = value.get("digest")
    return Source(file, section, **numbers, digest=digest if isinstance(digest, str) and is_digest(digest) else "")


def _boxes(value: object) -> tuple[Box, ...]:
    """Where a passage is printed; nothing where the field is missing, or is another one of the same name."""
    rows = value if isinstance(value, list) else []
    whole = all(isinstance(row, list) and len(row) == len(Box._fields) for row in rows)
    numbers = whole and all(type(number) in (int, float) for row in rows for number in row)
    return tuple(Box(*row) for row in rows) if numbers else ()


def question_from(row: Mapping[str, Any], where: str) -> Question:
    """A question of a JSON object.

    Raises:
        CorpusError: It lacks a field, or one is of the wrong kind.
    """
    gold = _strings(row, "passage_ids" if "passage_ids" in row else "passage_id", where)
    return Question(
        id=_id(row, where),
        text=_required(row, "question", where),
        answers=_answers(row, where),
        passage_ids=tuple(clean_title(passage_id, where) for passage_id in gold),
        evidence=_strings(row, "evidence", where),
        kind=clean_title(kind, where) if isinstance(kind := row.get("type"), str) else "",
    )


def _answers(row: Mapping[str, Any], where: str) -> tuple[str, ...]:
    """Accepted answers under one of their usual names; none for a question that is marked as unanswerable.

    Raises:
        CorpusError: No field holds answers: a row must not be scored against nothing.
    """
    field = next((name for name in ANSWER_FIELDS if name in row), None)
    if field is None:
        raise refused(
            where,
            message("has no answers; its fields are: {fields}", fields=_fields(row, where)),
            message("Name the field one of {names}; an empty list means unanswerable.", names=", ".join(ANSWER_FIELDS)),
        )
    value = row[field]
    if isinstance(value, Mapping) and "text" in value:  # SQuAD: {"text": [...], "answer_start": [...]}
        return _strings(value, "text", where)
    return _strings(row, field, where)


def _fields(row: Mapping[str, Any], where: str) -> str:
    return ", ".join(clean_title(name, where) for name in list(row)[:12]) or "none"


def _id(row: Mapping[str, Any], where: str) -> str:
    value = row.get("id")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not clean_title(value, where):
        raise refused(where, "has no id", "Give every line an id of its own.")
    if len(value) > MAX_ID:
        raise refused(
            where,
            message("has an id of {n:,} characters, and {limit} is the limit", n=len(value), limit=MAX_ID),
            "Shorten it.",
        )
    return clean_title(value, where)


def _once(name: str, where: str, seen: dict[str, str]) -> None:
    if name in seen:
        raise refused(
            where,
            message("repeats the id {id!r} of {other}", id=name, other=seen[name]),
            "Give every line an id of its own.",
        )
    seen[name] = where.rstrip(",")


def _required(row: Mapping[str, Any], field: str, where: str) -> str:
    text = clean(_optional(row, field, where), where)
    if not text:
        raise refused(
            where,
            message("has no {field}; its fields are: {fields}", field=field, fields=_fields(row, where)),
            message("Add the field {field!r}.", field=field),
        )
    return text


def _optional(row: Mapping[str, Any], field: str, where: str) -> str:
    value = row.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise refused(
            where,
            message("has {kind} in {field!r} instead of text", kind=type(value).__name__, field=field),
            "Correct the line.",
        )
    return value


def _strings(row: Mapping[str, Any], field: str, where: str) -> tuple[str, ...]:
    """A field that is a text or a list of texts."""
    value = row.get(field)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    values = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(entry, str) for entry in values):
        raise refused(
            where, message("has something else than text in {field!r}", field=field), "Give a text or a list of texts."
        )
    return tuple(text for entry in values if (text := clean(entry, where)))
