"""Faithfulness and answer relevancy without a judge: what words, numbers and question words can tell, and no more.

Both look at surfaces. They know no synonyms beyond plurals and number words, no negation and no grammar, and relevancy
reads English questions only. What they are worth is measured on labelled examples in the tests
(``tests/core/evaluation/labelled.jsonl``); where a judge is at hand, trust the judge.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from math import log

from core.corpus.sentences import sentences
from core.stores.tokenise import tokenise

_NUMBER_WORDS = (
    "zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|"
    "eighteen|nineteen|twenty"
)
_NUMBERS = {word: str(value) for value, word in enumerate(_NUMBER_WORDS.split("|"))}
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")
_REFUSAL = re.compile(
    r"\b(not in (the|my) (passages?|context|memory|evidence)|cannot be (answered|found|determined)|unanswerable|"
    r"no (answer|information)|(do|does) not (know|say|mention)|don't know|unknown)\b"
)
_ASKS_NUMBER = re.compile(
    r"\bhow (many|much|long|high|tall|deep|wide|far|old|often|fast|heavy|large|big|loud)\b|"
    r"\b(what|which) (number|year|age|height|length|depth|width|weight|temperature|price|percentage|share|date)\b"
)
_ASKS_TIME = re.compile(r"\bwhen\b|\b(what|which) (year|date|day|month|century|season)\b")
_ASKS_NAME = re.compile(r"\b(who|whom|whose|where)\b")
_TIME = re.compile(
    r"\b(january|february|march|april|may|june|july|august|september|october|november|december|spring|summer|autumn|"
    r"fall|winter|morning|noon|evening|night|midnight|dawn|dusk|(mon|tues|wednes|thurs|fri|satur|sun)day|century)\b"
)
_SCALE = re.compile(r"\b(hundred|thousand|million|billion|dozen|half|once|twice|daily|weekly|yearly)\b")


def is_refusal(answer: str) -> bool:
    """Whether an answer says that there is none."""
    return not answer.strip() or bool(_REFUSAL.search(answer.casefold()))


def faithfulness(question: str, answer: str, evidence: Sequence[str]) -> float | None:
    """How far one sentence of the evidence says what the answer claims, 0 to 1; None for a refusal.

    The claim of "Perrin Lusk" to "Who first described the slate gull?" is both together. So a sentence gets two shares:
    of the words that the answer adds to the question, and of the question's own words, weighted by how rare they are
    among the sentences, ``log(1 + N / (1 + df))``, and divided by the best sentence's share. The score is the best
    product of the two. Numbers must be the same numbers; "nine" is 9. An answer of the wrong kind out of the right
    sentence passes: that is for ``relevancy`` to notice.

    Args:
        question: What was asked.
        answer: What was said.
        evidence: Texts it was said from.
    """
    if is_refusal(answer):
        return None
    asked, said = set(_words(question)), set(_words(answer))
    added = said - asked or said
    held = [words for text in evidence for words in _sentence_words(text)]
    if not added or not held:
        return 0.0
    weight = {word: log(1 + len(held) / (1 + sum(word in words for words in held))) for word in asked}
    about = [sum(weight[word] for word in asked & words) for words in held]
    most = max(about)
    if not most:
        return 0.0
    return max(len(added & words) / len(added) * share / most for words, share in zip(held, about, strict=True))


def relevancy(question: str, answer: str) -> float:
    """Whether the answer is of the kind the question asks for, 0 or 1; says nothing of its truth.

    0 for a refusal, for an answer that only repeats words of the question, and where the kinds differ: a number for
    "how many", a time or number for "when", no bare number for "who" and "where" and for things.
    """
    if is_refusal(answer):
        return 0.0
    asked, said = question.casefold(), _words(answer)
    offers = " or " in asked
    if not said or (set(said) <= set(_words(question)) and not offers):
        return 0.0
    has_number = any(word.isdigit() for word in said) or bool(_SCALE.search(answer.casefold()))
    if _ASKS_TIME.search(asked):
        return float(has_number or bool(_TIME.search(answer.casefold())))
    if _ASKS_NUMBER.search(asked):
        return float(has_number)
    names = [word for word in said if not word.isdigit()]
    measured = has_number and len(names) <= 1
    return float(not measured)


@lru_cache(maxsize=4096)  # the same passages are read for many questions
def _sentence_words(text: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(_words(sentence)) for sentence in sentences(text))


def _words(text: str) -> list[str]:
    return [_NUMBERS.get(word, word) for word in tokenise(_THOUSANDS.sub("", text))]
