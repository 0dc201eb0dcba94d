"""What documents are found by, all of it read off z: the router's keys, and BM25 over the words that z spell.

Keys know what a question means and words know what it names. A vector that is looked up in the vocabulary names its
word, so a memory of such z can also be searched by words, without stored text: the index of words is made anew from z
whenever a memory is opened, and is the same to the bit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from math import log

import torch

from core.corpus.text import tokenise
from core.memory.document_keys import DocumentKeys

_K1, _B = 1.5, 0.75
"""BM25's usual settings: how soon a repeated word stops counting, and how much the length of a document counts."""


class RoutingIndex:
    """Keys and words of documents, in the order of their rows.

    Args:
        keys: The router's.
        texts: What the z of each document spells; nothing where z names no words.
    """

    def __init__(self, keys: DocumentKeys, texts: Iterable[str] = ()) -> None:
        self.keys = keys
        self._words = [_words_of(text) for text in texts] or [[] for _ in range(len(keys))]
        self._terms: Terms | None = None

    def picked(self, rows: Sequence[int]) -> RoutingIndex:
        """A copy of some rows."""
        copy = RoutingIndex(self.keys.picked(rows))
        copy._words = [self._words[row] for row in rows]
        return copy

    @property
    def spells(self) -> bool:
        """Whether z name words at all."""
        return any(self._words)

    @property
    def terms(self) -> Terms:
        """The index of words, made when it is first asked for."""
        if self._terms is None:
            self._terms = Terms(self._words)
        return self._terms

    @property
    def nbytes(self) -> int:
        """Bytes that a question reads."""
        return self.keys.nbytes + self.terms.nbytes

    def put(self, row: int, keys: torch.Tensor, text: str = "") -> None:
        """Replaces keys [m, dim] and words of one document in place."""
        self.keys.put(row, keys)
        words = _words_of(text)
        if words != self._words[row]:  # a step of learning moves z, and seldom as far as to another word
            self._words[row] = words
            self._terms = None


def _words_of(text: str) -> list[str]:
    """Words that a document is found by; those of its first line, the title, count twice."""
    title, line_break, _ = text.partition("\n")
    return tokenise(f"{title}\n{text}" if line_break else text, all_words=True)


class Terms:
    """BM25 (Robertson and Zaragoza 2009, with Lucene's idf) as a share of what a question could reach.

    Args:
        documents: Words of each document; see ``tokenise``.

    Attributes:
        nbytes: Bytes of all postings.
    """

    def __init__(self, documents: Sequence[Sequence[str]]) -> None:
        self._count = len(documents)
        mean = sum(map(len, documents)) / max(1, len(documents))
        postings: dict[str, list[tuple[int, float]]] = {}
        for row, words in enumerate(documents):
            slow = _K1 * (1 - _B + _B * len(words) / max(mean, 1.0))
            for word, often in Counter(words).items():
                postings.setdefault(word, []).append((row, often / (often + slow)))
        self._postings = {
            word: (torch.tensor([row for row, _ in found]), torch.tensor([share for _, share in found]))
            for word, found in postings.items()
        }
        self.nbytes = sum(rows.nbytes + shares.nbytes for rows, shares in self._postings.values())

    def match(self, question: str) -> torch.Tensor:
        """[N], from 0 for no word of the question to nearly 1 for all of them, rare words counting most."""
        score, most = torch.zeros(self._count), 0.0
        for word in tokenise(question, all_words=True):
            rows, shares = self._postings.get(word, _NOWHERE)
            idf = self.idf(word)
            score[rows] += idf * shares
            most += idf
        return score / max(most, 1e-9)

    def idf(self, word: str) -> float:
        """How rare a word is: 0 where every document has it."""
        rows, _ = self._postings.get(word, _NOWHERE)
        return log(1 + (self._count - len(rows) + 0.5) / (len(rows) + 0.5))


_NOWHERE = (torch.zeros(0, dtype=torch.long), torch.zeros(0))
