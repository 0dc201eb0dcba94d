"""Evidence that z spells: of the sentences that are read off it, the one that says the answer.

Where z is looked up in the vocabulary it names a document's words in their order, and the ends of its sentences before
all else. A sentence of it needs no model to write it down and says nothing that z does not hold. What had no room in z
is missing in the sentence, too.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.memory.routing_index import Terms
from core.memory.spelled import shares
from core.metrics import coverage


def quote(sentences: Sequence[str], question: str, answer: str, terms: Terms) -> str:
    """The sentence that holds the answer; among several, and where none does, the one nearest to the question.

    Args:
        sentences: What z spells; without any, nothing is quoted.
        terms: Tells rare words of the question from common ones.
    """
    near = shares(sentences, question, terms)
    worth = [(coverage(sentence, [answer]), share) for sentence, share in zip(sentences, near, strict=True)]
    return sentences[max(range(len(worth)), key=worth.__getitem__)] if sentences else ""
