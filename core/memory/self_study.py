"""Rule-based questions from a document's own sentences, in many wordings for every sentence.

No question set is needed and no evaluation question is ever seen: each call draws a fresh wording.
"""

from __future__ import annotations

import random
import re

from core.corpus.sentences import whole_sentences
from core.corpus.text import stop_words
from core.corpus.types import Passage, Question

_WORD = re.compile(r"[^\W_]+(?:[.,'’-][^\W_]+)*", re.UNICODE)
_NUMBER = re.compile(r"\b(?:YL )?\d[\d,.]*\d?\b")
_NAME = re.compile(r"\b[A-Z][\w'’-]*(?:(?: of| the)? [A-Z][\w'’-]*)*")


def evidence_for(question: Question, passage: Passage) -> str | None:
    """The sentence of ``passage`` that holds the answer: the given evidence, else the first with an answer in it."""
    for sentence in question.evidence:
        if sentence in passage.text:
            return sentence
    for answer in sorted(question.answers, key=len):
        for sentence in whole_sentences(passage.text):
            if answer and answer.lower() in sentence.lower():
                return sentence
    return None


def names(sentence: str, title: str) -> list[str]:
    """Capitalised names inside a sentence that neither begin it nor belong to ``title``."""
    candidates = [match.group() for match in _NAME.finditer(sentence) if match.start() and not match.group().isupper()]
    return [name for name in candidates if name not in title and title not in name] if title else candidates


def self_study_question(sentence: str, title: str, rng: random.Random) -> str:
    """One of four wordings that ask for ``sentence``: keywords, a gap, a question in place, a question put first."""
    draw = rng.random()
    if draw < 0.3:
        return _keywords(sentence, title, rng)
    span = _answer_span(sentence, title, rng)
    if span is None or draw < 0.4:
        return _gap(sentence, span, title, rng)
    start, end = span
    question_word = _question_word(sentence[start:end], sentence[:start], rng)
    before, after = _thin(sentence[:start], rng), _thin(sentence[end:].rstrip(".!? "), rng)
    return _finish(
        f"{before} {question_word} {after}" if draw < 0.7 else f"{question_word} {before} {after}", title, rng
    )


def _keywords(sentence: str, title: str, rng: random.Random) -> str:
    words = [word for word in _WORD.findall(sentence) if word.lower() not in stop_words()] or sentence.split()
    drawn = rng.sample(words, max(1, min(len(words), round(len(words) * rng.uniform(0.3, 0.7)))))
    if rng.random() < 0.5:
        drawn = [word for word in words if word in drawn]
    return _finish(" ".join(drawn), title, rng)


def _gap(sentence: str, span: tuple[int, int] | None, title: str, rng: random.Random) -> str:
    if span is None:
        words = sentence.split()
        at = rng.randrange(len(words))
        return _finish(" ".join([*words[:at], "___", *words[at + 1 :]]), title, rng)
    return _finish(f"{sentence[: span[0]]}___{sentence[span[1] :]}", title, rng)


def _answer_span(sentence: str, title: str, rng: random.Random) -> tuple[int, int] | None:
    """A number, a name that is not the title, or a tail of one to three words."""
    spans = [match.span() for match in _NUMBER.finditer(sentence)]
    spans += [match.span() for match in _NAME.finditer(sentence) if match.start()]
    spans = [span for span in spans if sentence[slice(*span)] not in title]
    words = list(_WORD.finditer(sentence))
    if len(words) > 4:
        first = rng.randrange(max(1, len(words) // 2), len(words))
        last = min(len(words) - 1, first + rng.randrange(3))
        spans.append((words[first].start(), words[last].end()))
    return rng.choice(spans) if spans else None


def _question_word(answer: str, before: str, rng: random.Random) -> str:
    if answer.startswith("YL") or re.fullmatch(r"1\d{3}|20\d{2}", answer):
        return rng.choice(["when", "which year", "what year"])
    if answer[:1].isdigit():
        return rng.choice(["how many", "how much", "what number of"])
    if answer[:1].isupper():
        if before.rstrip().endswith((" by", " to", " with")):
            return rng.choice(["who", "which", "what"])
        return rng.choice(["who", "where", "which", "what"])
    return rng.choice(["what", "which", "how", "what kind of"])


def _thin(text: str, rng: random.Random) -> str:
    """Leaves out some words, so that the wording differs from the sentence."""
    return " ".join(word for word in text.split() if rng.random() > (0.5 if word.lower() in stop_words() else 0.2))


def _finish(wording: str, title: str, rng: random.Random) -> str:
    wording = " ".join(wording.split())
    if title and title.lower() not in wording.lower() and rng.random() < 0.8:
        wording = rng.choice([f"{wording} {title}", f"{title} {wording}", f"{wording} in {title}"])
    if rng.random() < 0.7:
        wording = f"{wording}?"
    return wording[:1].upper() + wording[1:] if rng.random() < 0.7 else wording
