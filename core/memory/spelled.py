"""What a z spells, vector by vector: its words, its sentences, and which of these a question asks about.

A z that is looked up in the vocabulary names a document's words in their order. So a question need not be put to all of
it: the title and the sentence nearest to the question are a third of the vectors and hold most answers, and a small
model is led astray less by what it does not read.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch

from core.corpus.sentences import whole_sentence_spans
from core.corpus.text import tokenise
from core.memory.routing_index import Terms


@dataclass(frozen=True)
class Spelled:
    """What the z of a document spells.

    Attributes:
        soft: [n, hidden], its vectors that are not empty, where they stand among the token embeddings.
        words: The tokens [n] that they name; empty where z names no words.
        sentences: The sentences that these spell, without the title.
        bounds: The vector with which each sentence begins, and the one behind the last.
    """

    soft: torch.Tensor
    words: Sequence[int]
    sentences: Sequence[str]
    bounds: Sequence[int]

    @classmethod
    def of(cls, soft: torch.Tensor, words: Sequence[int], decode: Callable[[Sequence[int]], str]) -> Spelled:
        """Finds the sentences.

        Args:
            decode: The text of tokens, without space around it.
        """
        text = decode(words)
        title, line_break, rest = text.partition("\n")
        before = len(title) + 1 if line_break else 0
        spans = [(before + start, before + end) for start, end in whole_sentence_spans(rest if line_break else text)]

        def length(count: int) -> int:
            return len(decode(words[:count]))

        counts = range(len(words) + 1)
        ends = [bisect_left(counts, end, key=length) for _, end in spans]
        first = max(0, bisect_right(counts, before, key=length) - 1) if line_break else 0
        sentences = [" ".join(text[start:end].split()) for start, end in spans]
        return cls(soft, words, sentences, [first, *ends[:-1], len(words)] if spans else [])

    def about(self, question: str, count: int, terms: Terms) -> list[int]:
        """The vectors of the title and of the ``count`` sentences that share most with a question; for 0 all.

        Args:
            terms: Tells rare words of the question from common ones.
        """
        if not count or not self.sentences:
            return list(range(len(self.soft)))
        worth = shares(self.sentences, question, terms)
        nearest = sorted(range(len(worth)), key=lambda number: -worth[number])[:count]
        ranges = list(pairwise(self.bounds))
        chosen = [row for number in sorted(nearest) for row in range(*ranges[number])]
        return [*range(self.bounds[0]), *chosen]


def shares(sentences: Sequence[str], question: str, terms: Terms) -> list[float]:
    """How much of a question each sentence holds: the idf of the words that they have in common."""
    asked = {word: terms.idf(word) for word in tokenise(question, all_words=True)}
    held = (set(tokenise(sentence, all_words=True)) for sentence in sentences)
    return [sum(idf for word, idf in asked.items() if word in words) for words in held]
