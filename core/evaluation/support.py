"""Why an answer: the one sentence of what an arm read that holds the answer word for word.

It is found by comparing texts after SQuAD's normalisation, not by asking the model: it shows what the answer can rest
on, and when no sentence holds it, that it rests on nothing the arm read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.corpus.sentences import sentence_spans
from core.evaluation.metrics import coverage, normalise


@dataclass(frozen=True)
class Support:
    """A sentence that holds an answer.

    Attributes:
        text_index: Which of the texts it stands in.
        start: Its first character there.
        end: The one after its last.
    """

    text_index: int
    start: int
    end: int


def find_support(answer: str, question: str, texts: Sequence[str]) -> Support | None:
    """The sentence that holds ``answer`` and shares most words with ``question``; the earliest among equals.

    Args:
        answer: What was said; without words it is held by no sentence.
        question: What was asked.
        texts: What the arm read, best first.
    """
    asked = set(normalise(question).split())
    best: Support | None = None
    most = -1
    for index, text in enumerate(texts):
        for start, end in sentence_spans(text):
            sentence = text[start:end]
            if not coverage(sentence, [answer]):
                continue
            shared = len(asked & set(normalise(sentence).split()))
            if shared > most:
                best, most = Support(index, start, end), shared
    return best
