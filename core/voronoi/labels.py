"""Labels of cells: their most distinctive words.

Class-based tf-idf (Grootendorst 2022, BERTopic): the weight of a word in a cell is its frequency in the cell times
``log(1 + mean words per cell / its frequency in all cells)``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from core.corpus.text import stop_words
from core.corpus.types import Passage, texts
from core.normalise import normalise
from core.voronoi.kmeans import IntArray

_WORD = re.compile(r"[^\W\d_]{3,}|[가-힣]{2,}")
_FILLERS = """
also called comes day days does don eight first five four half just kept known later like made make makes many may
named new nine old one said say says second seven six still take taken ten that three time times two use used using
whose within year years
"""
_COMMON = stop_words() | frozenset(_FILLERS.split())
_PARTICLE = re.compile(r"(에서는|에서|에는|으로|에게|까지|부터|은|는|이|가|을|를|의|에|로|와|과|도)$")


def label_cells(passages: Sequence[Passage], assignment: IntArray, words: int = 3) -> list[str]:
    """Labels every cell with its most distinctive words.

    Args:
        passages: [n] in row order.
        assignment: [n] cell of each passage, numbered 0 to k - 1.

    Returns:
        k labels such as "lighthouse, harbour, pilots"; a cell without words gets the title of its first passage, or a
        label such as "cell 3".
    """
    counts, forms = _count_words(passages, assignment)
    overall: Counter[str] = Counter()
    for count in counts:
        overall.update(count)
    mean_words = sum(overall.values()) / max(1, len(counts))
    labels = []
    for cell, count in enumerate(counts):
        total = max(1, sum(count.values()))
        score = {stem: n / total * np.log1p(mean_words / overall[stem]) for stem, n in count.items()}
        best = sorted(score, key=lambda stem: (-score[stem], stem))[:words]
        label = ", ".join(forms[stem].most_common(1)[0][0] for stem in best)
        labels.append(label or _fallback(passages, assignment, cell))
    return labels


def _count_words(
    passages: Sequence[Passage], assignment: IntArray
) -> tuple[list[Counter[str]], dict[str, Counter[str]]]:
    """Stems of each cell, and the written forms of each stem."""
    counts: list[Counter[str]] = [Counter() for _ in range(int(assignment.max()) + 1)]
    forms: dict[str, Counter[str]] = {}
    for text, cell in zip(texts(passages), assignment, strict=True):
        for word in _WORD.findall(normalise(text)):
            folded = word.casefold()
            if folded in _COMMON:
                continue
            stem = _stem(folded)
            counts[cell][stem] += 1
            forms.setdefault(stem, Counter())[folded if folded.isascii() else stem] += 1
    return counts, forms


def _stem(word: str) -> str:
    if word.isascii():
        return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) else word
    bare = _PARTICLE.sub("", word)
    return bare if len(bare) >= 2 else word


def _fallback(passages: Sequence[Passage], assignment: IntArray, cell: int) -> str:
    first = passages[int(np.argmax(assignment == cell))]
    return first.title or f"cell {cell}"
