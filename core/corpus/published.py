"""Data sets of questions as their authors publish them: what a row means, and which data set it is of.

    SQuAD 1.1 and 2.0, KorQuAD     JSON {"data": [{"title", "paragraphs": [{"context", "qas"}]}]}, or the hub's rows
    HotpotQA                       JSON [{"_id", "question", "context": [[title, [sentence]]], ...}], or the hub's rows
    Natural Questions              simplified JSONL (document_text, annotations), or the rows of MRQA (context, key)

They are recognised by their fields, never by their names. Unanswerable questions stay, with no answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlparse

import regex

from core.corpus.limits import clean, clean_title, other_fields, refused
from core.corpus.types import Passage, Question
from core.digests import text_digest
from core.messages import message

Row = Mapping[str, Any]
Converted = tuple[tuple[Passage, ...], tuple[Question, ...]]
Convert = Callable[[Row], Converted]
_TAG = regex.compile(r"</?[A-Za-z][A-Za-z0-9]*>")
_FIRST_TAG = regex.compile(r"\s*<(?<tag>[A-Za-z][A-Za-z0-9]*)>")
_TIGHT = regex.compile(r"\s+(?=[,.;:!?%)\]])|(?<=[(\[])\s+")


@dataclass
class ParsedRows:
    """Passages and questions of many rows.

    The first question about a passage is a dev question, further ones are for training: a memory then meets other
    questions about the same passages in evaluation than in training. Those without an answer are dev questions.

    Attributes:
        passages: By id.
    """

    passages: dict[str, Passage] = field(default_factory=dict)
    dev: list[Question] = field(default_factory=list)
    train: list[Question] = field(default_factory=list)
    _asked: set[str] = field(default_factory=set)

    def add(self, converted: Converted, most: int) -> bool:
        """Adds what came of a row; False, and nothing is added, where there would be more than ``most`` passages."""
        passages, questions = converted
        if self.passages and len(self.passages.keys() | {passage.id for passage in passages}) > most:
            return False
        self.passages |= {passage.id: passage for passage in passages}
        for question in questions:
            again = question.answers and self._asked.intersection(question.passage_ids)
            (self.train if again else self.dev).append(question)
            if question.answers:
                self._asked.update(question.passage_ids)
        return True

    def splits(self) -> dict[str, tuple[Question, ...]]:
        """Questions by split; splits without any are left out."""
        return {name: tuple(group) for name, group in (("dev", self.dev), ("train", self.train)) if group}


def recognise(row: Row) -> Convert | None:
    """How to read the rows of a data set, by the fields of the first one; None if the format is unknown."""
    context = row.get("context")
    if "document_text" in row and "annotations" in row and "question_text" in row:
        return convert_simplified_nq
    if "question" not in row:
        return None
    if isinstance(context, Mapping) and {"title", "sentences"} <= context.keys() and "supporting_facts" in row:
        return convert_hotpotqa
    if isinstance(context, Sequence) and not isinstance(context, str) and ("_id" in row or "id" in row):
        return convert_hotpotqa_file
    if isinstance(context, str) and isinstance(row.get("answers"), Mapping) and "text" in row["answers"]:
        return convert_squad
    if isinstance(context, str) and isinstance(row.get("answers"), list) and "key" in row:
        return convert_natural_questions
    return None


def gather(name: str, rows: Iterable[tuple[str, Row]], convert: Convert, most: int) -> ParsedRows:
    """All passages and questions of a file.

    Args:
        rows: Where each stands, and its fields.
        most: Passages there may be.

    Raises:
        CorpusError: A row has other fields than the first, or there are too many passages.
    """
    gathered = ParsedRows()
    for where, row in rows:
        try:
            fits = gathered.add(convert(row), most)
        except (KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
            raise other_fields(where, error, "Correct the line.") from error
        if not fits:
            raise refused(name, message("goes beyond {n:,} passages", n=most), "Split the file.")
    return gathered


def squad_rows(data: Sequence[Any]) -> Iterator[Row]:
    """Articles of a SQuAD file as the rows that the hub has of them."""
    for article in data:
        for paragraph in article["paragraphs"]:
            for question in paragraph["qas"]:
                answers = [] if question.get("is_impossible") else [answer["text"] for answer in question["answers"]]
                yield {
                    "id": question["id"],
                    "title": article.get("title", ""),
                    "context": paragraph["context"],
                    "question": question["question"],
                    "answers": {"text": answers},
                }
            if not paragraph["qas"]:
                yield {"title": article.get("title", ""), "context": paragraph["context"]}


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
    if "question" not in row:  # a paragraph without a question
        return (passage,), ()
    answers = _distinct(clean(answer, "squad") for answer in row["answers"]["text"])
    return (passage,), (Question(str(row["id"]), clean(row["question"], "squad"), answers, (passage.id,)),)


def convert_hotpotqa_file(row: Row) -> Converted:
    """A row of HotpotQA's own JSON: ``context`` and ``supporting_facts`` are lists of pairs there."""
    context = [(str(title), list(sentences)) for title, sentences in row["context"]]
    facts = [(str(title), int(number)) for title, number in row.get("supporting_facts") or ()]
    return convert_hotpotqa(
        {
            **row,
            "id": row.get("_id", row.get("id")),
            "answer": row.get("answer") or "",
            "context": {"title": [title for title, _ in context], "sentences": [lines for _, lines in context]},
            "supporting_facts": {"title": [title for title, _ in facts], "sent_id": [number for _, number in facts]},
        }
    )


def convert_simplified_nq(row: Row) -> Converted:
    """A row of Natural Questions, simplified: the long answer is the passage, the short ones are the answers."""
    words = str(row["document_text"]).split(" ")
    name = str(row.get("example_id") or _digest("q", str(row["question_text"])))
    question = clean(str(row["question_text"]), "natural_questions")
    title = parse_qs(urlparse(str(row.get("document_url") or "")).query).get("title", [""])[0].replace("_", " ")
    for annotation in row["annotations"]:
        long = annotation["long_answer"]
        text = _plain(" ".join(words[long["start_token"] : long["end_token"]])) if long["start_token"] >= 0 else ""
        if not text:
            continue
        spans = annotation.get("short_answers") or ()
        short = [_plain(" ".join(words[span["start_token"] : span["end_token"]])) for span in spans]
        yes_no = str(annotation.get("yes_no_answer") or "").casefold()
        answers = _distinct([*short, yes_no if yes_no in ("yes", "no") else ""])
        passage = Passage(_digest("nq", text), clean_title(title, "natural_questions"), text)
        return (passage,), (Question(f"nqq-{name}", question, answers, (passage.id,)),) if answers else ()
    return (), (Question(f"nqq-{name}", question, ()),)


def _plain(text: str) -> str:
    """Text without the paragraph tags and the spaces before punctuation that tokenising left."""
    return clean(_TIGHT.sub("", " ".join(_TAG.sub(" ", text).split())), "natural_questions")


def _distinct(answers: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(answer for answer in answers if answer))


def _digest(prefix: str, text: str) -> str:
    """An id that depends on the text alone, so that it stays the same whatever was read before it."""
    return f"{prefix}-{text_digest(text, 10)}"
