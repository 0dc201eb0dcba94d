"""What a z spells, vector by vector: its words, its sentences, and which of these a question asks about.

A z that is looked up in the vocabulary names a document's words in their order. So a question need not be put to all of
it: the title and the few sentences nearest to the question hold most answers, and are half of the vectors where a
document has seven sentences.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

from core.corpus.sentences import Span, whole_sentence_spans, whole_sentences
from core.corpus.text import tokenise
from core.memory.routing_index import Terms


@dataclass(frozen=True)
class Spelled:
    """What the z of a document spells.

    Attributes:
        soft: [n, hidden], its vectors that are not empty, where they stand among the token embeddings.
        words: The tokens [n] that they name; empty where z names no words.
        decode: The text of tokens, without space around it.
    """

    soft: torch.Tensor
    words: Sequence[int]
    decode: Callable[[Sequence[int]], str]

    @cached_property
    def sentences(self) -> list[str]:
        """The sentences that the words make, without the title."""
        return whole_sentences(self._text[self._title :])

    def about(self, question: str, count: int, terms: Terms) -> list[int]:
        """The vectors of the title and of the ``count`` sentences that share most with a question; for 0 all.

        Args:
            terms: Tells rare words of the question from common ones.
        """
        if not count or count >= len(self.sentences):
            return list(range(len(self.soft)))
        worth = shares(self.sentences, question, terms)
        nearest = sorted(range(len(worth)), key=lambda number: -worth[number])[:count]
        return [*range(self._begins(0)), *(row for number in sorted(nearest) for row in self._vectors(number))]

    def _vectors(self, number: int) -> range:
        """The vectors of a sentence; what stands between two belongs to the second."""
        last = number == len(self._spans) - 1
        return range(self._begins(number), len(self.words) if last else self._begins(number + 1))

    def _begins(self, number: int) -> int:
        """The first vector of a sentence."""
        counts = range(len(self.words))
        if number == 0:  # the line break belongs to the title
            return bisect_right(counts, self._title, key=self._length) - 1
        return bisect_left(counts, self._spans[number - 1][1], key=self._length)

    def _length(self, count: int) -> int:
        """Characters that the first so many vectors spell."""
        return len(self.decode(self.words[:count]))

    @cached_property
    def _text(self) -> str:
        return self.decode(self.words)

    @cached_property
    def _title(self) -> int:
        """Characters of the title, the first of several lines."""
        title, line_break, _ = self._text.partition("\n")
        return len(title) if line_break else 0

    @cached_property
    def _spans(self) -> list[Span]:
        """Where the sentences lie in the text."""
        before = self._title
        return [(before + start, before + end) for start, end in whole_sentence_spans(self._text[before:])]


def shares(sentences: Sequence[str], question: str, terms: Terms) -> list[float]:
    """How much of a question each sentence holds: the idf of the words that they have in common."""
    asked = {word: terms.idf(word) for word in tokenise(question, all_words=True)}
    held = (set(tokenise(sentence, all_words=True)) for sentence in sentences)
    return [sum(idf for word, idf in asked.items() if word in words) for words in held]
