"""Three question answering data sets from the Hugging Face hub, streamed: no more is fetched than is kept.

    natural_questions   lucadiliello/naturalquestionsshortqa (Natural Questions of MRQA 2019: paragraph, short answers)
    hotpotqa            hotpotqa/hotpot_qa, distractor setting: ten paragraphs a question, two of them gold
    squad               rajpurkar/squad: several questions a paragraph

What a row means is said by a pure function for each of them, so that it can be tested without the hub.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import regex

from core.corpus.intake import clean, clean_title
from core.corpus.types import Corpus, Passage, Question
from core.errors import CorpusError

DEFAULT_SIZE = 1_000
Row = Mapping[str, Any]
Converted = tuple[tuple[Passage, ...], tuple[Question, ...]]
_TAG = regex.compile(r"</?[A-Za-z][A-Za-z0-9]*>")
_FIRST_TAG = regex.compile(r"\s*<(?<tag>[A-Za-z][A-Za-z0-9]*)>")
_TIGHT = regex.compile(r"\s+(?=[,.;:!?%)\]])|(?<=[(\[])\s+")


@dataclass(frozen=True)
class HubSet:
    """Where a data set is and how its rows are read.

    Attributes:
        hub_id: Repository on the hub.
        config: Configuration of it, or None.
        split: Split that is streamed.
        convert: Row to passages and questions; a pure function.
    """

    hub_id: str
    config: str | None
    split: str
    convert: Callable[[Row], Converted]


def convert_natural_questions(row: Row) -> Converted:
    """A row with ``context``, ``question``, ``answers``, ``key``; tables and lists give nothing, they read badly."""
    context = str(row["context"])
    first = _FIRST_TAG.match(context)
    text = _plain(context)
    answers = _distinct(_plain(answer) for answer in row["answers"])
    if not text or not answers or (first and first["tag"].lower() != "p"):
        return (), ()
    passage = Passage(_digest("nq", text), "", text)
    question = Question(f"nqq-{row['key']}", clean(row["question"], "natural_questions"), answers, (passage.id,))
    return (passage,), (question,)


def convert_hotpotqa(row: Row) -> Converted:
    """A row with ``context`` {title, sentences}, ``supporting_facts`` {title, sent_id}, ``question``, ``answer``."""
    passages: dict[str, Passage] = {}
    lines: dict[str, list[str]] = {}
    for title, sentences in zip(row["context"]["title"], row["context"]["sentences"], strict=True):
        lines[title] = [clean(sentence, "hotpotqa") for sentence in sentences]
        text = " ".join(sentence for sentence in lines[title] if sentence)
        if text:
            passages[title] = Passage(_digest("hp", f"{title}\n{text}"), clean_title(title, "hotpotqa"), text)
    facts = [
        (passages[title].id, lines[title][number])
        for title, number in zip(row["supporting_facts"]["title"], row["supporting_facts"]["sent_id"], strict=True)
        if title in passages and number < len(lines[title])
    ]
    gold = tuple(dict.fromkeys(passage_id for passage_id, _ in facts))
    evidence = tuple(sentence for _, sentence in facts)
    answers = _distinct([clean(row["answer"], "hotpotqa")])
    kind = clean_title(str(row.get("type", "")), "hotpotqa")
    question = Question(str(row["id"]), clean(row["question"], "hotpotqa"), answers, gold, evidence, kind)
    return tuple(passages.values()), (question,) if answers and gold else ()


def convert_squad(row: Row) -> Converted:
    """A row with ``id``, ``title``, ``context``, ``question``, ``answers`` {text, answer_start}."""
    text = clean(row["context"], "squad")
    title = clean_title(str(row["title"]).replace("_", " "), "squad")
    passage = Passage(_digest("sq", text), title, text)
    answers = _distinct(clean(answer, "squad") for answer in row["answers"]["text"])
    question = Question(str(row["id"]), clean(row["question"], "squad"), answers, (passage.id,))
    return (passage,), (question,) if answers else ()


HUB_SETS: dict[str, HubSet] = {
    "natural_questions": HubSet("lucadiliello/naturalquestionsshortqa", None, "validation", convert_natural_questions),
    "hotpotqa": HubSet("hotpotqa/hotpot_qa", "distractor", "validation", convert_hotpotqa),
    "squad": HubSet("rajpurkar/squad", None, "validation", convert_squad),
}


def stream_rows(hub_set: HubSet) -> Iterator[Row]:
    """Rows of a data set, fetched as they are read.

    Raises:
        CorpusError: The hub cannot be reached, or the data set is not there.
    """
    from datasets import load_dataset
    from httpx import HTTPError

    try:
        yield from load_dataset(hub_set.hub_id, hub_set.config, split=hub_set.split, streaming=True)
    except (OSError, ValueError, HTTPError) as error:
        raise CorpusError(
            f"{hub_set.hub_id} cannot be fetched from the Hugging Face hub ({type(error).__name__}: {error}).",
            "Check the connection, or give the path of a folder with passages.jsonl and questions_dev.jsonl instead.",
        ) from error


def load_hub(name: str, size: int | None = None, rows: Iterable[Row] | None = None) -> Corpus:
    """The first passages of a data set and the questions about them.

    The first question about a passage is a dev question, further ones are for training: a memory then meets other
    questions about the same passages in evaluation than in training.

    Args:
        name: One of ``HUB_SETS``.
        size: Passages to keep; ``DEFAULT_SIZE`` when None.
        rows: Rows to read instead of those of the hub.

    Raises:
        CorpusError: The hub cannot be reached, or has nothing that can be read.
    """
    hub_set = HUB_SETS[name]
    most = size or DEFAULT_SIZE
    passages: dict[str, Passage] = {}
    questions: dict[str, list[Question]] = {"dev": [], "train": []}
    asked: set[str] = set()
    for row in stream_rows(hub_set) if rows is None else rows:
        row_passages, row_questions = _converted(name, hub_set, row)
        if passages and len(passages.keys() | {passage.id for passage in row_passages}) > most:
            break
        passages |= {passage.id: passage for passage in row_passages}
        for question in row_questions:
            split = "train" if asked.intersection(question.passage_ids) else "dev"
            questions[split].append(question)
            asked.update(question.passage_ids)
    if not passages:
        raise CorpusError(f"{name} gave no passage.", "Ask for a larger size.")
    kept = {split: tuple(group) for split, group in questions.items() if group}
    return Corpus(name, tuple(passages.values()), kept)


def _converted(name: str, hub_set: HubSet, row: Row) -> Converted:
    try:
        return hub_set.convert(row)
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise CorpusError(
            f"{hub_set.hub_id} has other fields than expected ({type(error).__name__}: {error}).",
            f"Its layout has changed since; give a path to a copy of {name} instead.",
        ) from error


def _plain(text: str) -> str:
    """Text without the paragraph tags and the spaces before punctuation that tokenising left."""
    return clean(_TIGHT.sub("", " ".join(_TAG.sub(" ", text).split())), "natural_questions")


def _distinct(answers: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(answer for answer in answers if answer))


def _digest(prefix: str, text: str) -> str:
    """An id that depends on the text alone, so that it stays the same whatever was read before it."""
    return f"{prefix}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"
