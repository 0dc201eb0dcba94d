"""Evidence that z spells: of the sentences that are read off it, the one that says the answer.

Where z is looked up in the vocabulary it names a document's words in their order, and the ends of its sentences before
all else. A sentence of it needs no model to write it down and says nothing that z does not hold. What had no room in z
is missing in the sentence, too.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.corpus.text import tokenise
from core.memory.routing_index import Terms
from core.metrics import coverage


def quote(sentences: Sequence[str], question: str, answer: str, terms: Terms) -> str:
    """The sentence that holds the answer; among several, and where none does, the one nearest to the question.

    Args:
        sentences: What z spells; without any, nothing is quoted.
        terms: Tells rare words of the question from common ones.
    """
    asked = {word: terms.idf(word) for word in tokenise(question, all_words=True)}

    def worth(sentence: str) -> tuple[float, float]:
        words = set(tokenise(sentence, all_words=True))
        return coverage(sentence, [answer]), sum(idf for word, idf in asked.items() if word in words)

    return max(sentences, key=worth, default="")
