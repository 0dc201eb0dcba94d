"""Grounding of an answer without a judge model: faithfulness, relevancy, and the sentence that supports it.

All three compare surface forms only: words, numbers and question words. They know no synonyms beyond plurals and number
words, no negation and no grammar, and relevancy understands English questions only. Their quality is measured on
labelled examples in the tests (``tests/core/evaluation/labelled.jsonl``). If a judge model is available, prefer it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log

from core.corpus.sentences import sentence_spans, sentences
from core.corpus.text import tokenise
from core.metrics import coverage, normalise

_NUMBER_WORDS = (
    "zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|"
    "eighteen|nineteen|twenty"
)
_NUMBERS = {word: str(value) for value, word in enumerate(_NUMBER_WORDS.split("|"))}
_NUMBER = re.compile(r"\d+(?:[.,:/–-]\d+)*")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")
_REFUSAL = re.compile(
    r"\b(not in (the|my) (passages?|context|memory|evidence)|cannot be (answered|found|determined)|unanswerable|"
    r"no (answer|information)|(do|does) not (know|say|mention)|don't know|unknown)\b|"
    r"알 수 없|모릅니다|모르겠|찾을 수 없|나와 있지 않|언급되지 않"
)
_ASKS_NUMBER = re.compile(
    r"\bhow (many|much|long|high|tall|deep|wide|far|old|often|fast|heavy|large|big|loud)\b|"
    r"\b(what|which) (number|year|age|height|length|depth|width|weight|temperature|price|percentage|share|date)\b"
)
_ASKS_TIME = re.compile(r"\bwhen\b|\b(what|which) (year|date|day|month|century|season)\b")
_TIME = re.compile(
    r"\b(january|february|march|april|may|june|july|august|september|october|november|december|spring|summer|autumn|"
    r"fall|winter|morning|noon|evening|night|midnight|dawn|dusk|(mon|tues|wednes|thurs|fri|satur|sun)day|century)\b"
)
_LANDMARK = re.compile(
    r"\b(?:in front of|next to|close to|across from|near|behind|beside|opposite|outside|beyond|between|not)"
    r"(?: (?:in|at|on))?(?: (?:the|an?|its|their))?\s*\Z",
    re.IGNORECASE,
)
_SCALE = re.compile(r"\b(hundred|thousand|million|billion|dozen|half|once|twice|daily|weekly|yearly)\b")


def is_refusal(answer: str) -> bool:
    """Whether an answer says that there is no answer."""
    return not answer.strip() or bool(_REFUSAL.search(answer.casefold()))


def faithfulness(question: str, answer: str, evidence: Sequence[str], titles: Sequence[str] = ()) -> float | None:
    """How well a single sentence of the evidence supports the answer, 0 to 1; None for a refusal.

    The answer "Perrin Lusk" to "Who first described the slate gull?" claims both together. So each sentence gets two
    shares: of the words that the answer adds to the question, and of the question's own words, weighted by their rarity
    among the sentences, ``log(1 + N / (1 + df))``, and divided by the best sentence's share. The score is the largest
    product of the two. Numbers must be equal; "nine" is 9. An answer of the wrong kind from the right sentence passes
    here and fails in ``relevancy``.

    Args:
        titles: Of each text, where they count: what a title shares with the question, all its sentences share, such as
            a row "Control room: 112" of "Index of telephone numbers".
    """
    if is_refusal(answer):
        return None
    in_question, in_answer = set(_words(question)), set(_words(answer))
    added = in_answer - in_question or in_answer
    under = [frozenset(_words(title)) for title in titles] or [frozenset[str]()] * len(evidence)
    read = [
        (words, words | title) for text, title in zip(evidence, under, strict=True) for words in _sentence_words(text)
    ]
    if not added or not read:
        return 0.0
    weights = {word: log(1 + len(read) / (1 + sum(word in words for _, words in read))) for word in in_question}
    shares = [sum(weights[word] for word in in_question & words) for _, words in read]
    best = max(shares)
    if not best:
        return 0.0
    return max(len(added & words) / len(added) * share / best for (words, _), share in zip(read, shares, strict=True))


def relevancy(question: str, answer: str) -> float:
    """Whether the answer is of the kind the question asks for, 0 or 1, whether or not it is true.

    0 for a refusal, for an answer that only repeats words of the question, and for the wrong kind: "how many" needs a
    number, "when" a time or number, and other questions more than a bare number.
    """
    if is_refusal(answer):
        return 0.0
    folded, words = question.casefold(), _words(answer)
    offers_choice = " or " in folded
    if not words or (set(words) <= set(_words(question)) and not offers_choice):
        return 0.0
    has_number = any(word.isdigit() for word in words) or bool(_SCALE.search(answer.casefold()))
    if _ASKS_TIME.search(folded):
        return float(has_number or bool(_TIME.search(answer.casefold())))
    if _ASKS_NUMBER.search(folded):
        return float(has_number)
    names = [word for word in words if not word.isdigit()]
    measured = has_number and len(names) <= 1
    return float(not measured)


def is_landmark(question: str, answer: str, sentence: str) -> bool:
    """Whether a sentence names the answer only to say where another place is.

    "Where is the assembly point?" is not answered by "library" from "in front of the library": a small model gives the
    nearest noun that fits. English only.
    """
    if not re.match(r"where\b", question.strip(), re.IGNORECASE):
        return False
    bare = re.sub(r"\A(?:the|an?)\s+", "", answer.strip().rstrip("."), flags=re.IGNORECASE)
    named = [match.start() for match in re.finditer(rf"\b{re.escape(bare)}\b", sentence, re.IGNORECASE)]
    return bool(named) and all(_LANDMARK.search(sentence[:start]) for start in named)


@dataclass(frozen=True)
class Support:
    """A sentence that supports an answer.

    Attributes:
        text_index: Index of the text that contains it.
    """

    text_index: int
    start: int
    end: int


def find_support(answer: str, question: str, texts: Sequence[str]) -> Support | None:
    """The sentence that contains ``answer`` and shares the most words with ``question``; the first among equals.

    Texts are compared after SQuAD's normalisation, without a model. If no sentence is found, nothing the method read
    supports the answer. Numbers must be written alike (11.80 is not 1180). A refusal has no support.

    Args:
        answer: The answer; without words, it has no support.
    """
    if is_refusal(answer):
        return None
    question_words, numbers = set(normalise(question).split()), _numbers(answer)
    best: Support | None = None
    most = -1
    for index, text in enumerate(texts):
        for start, end in sentence_spans(text):
            sentence = text[start:end]
            if not coverage(sentence, [answer]) or not numbers <= _numbers(sentence):
                continue
            shared = len(question_words & set(normalise(sentence).split()))
            if shared > most:
                best, most = Support(index, start, end), shared
    return best


@lru_cache(maxsize=4096)  # the same passages are read for many questions
def _sentence_words(text: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(_words(sentence)) for sentence in sentences(text))


def _numbers(text: str) -> set[str]:
    return set(_NUMBER.findall(_THOUSANDS.sub("", text)))


def _words(text: str) -> list[str]:
    return [_NUMBERS.get(word, word) for word in tokenise(_THOUSANDS.sub("", text))]
