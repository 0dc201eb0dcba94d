"""Words of a text for search, in English and Korean, and stop words; sentences are in ``sentences``.

Korean glues particles to nouns: the "도서관에는" of a passage must be found by "도서관". Each run of Hangul therefore
also counts as its overlapping pairs of syllables, as in the CJK analyser of Lucene.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from runpy import run_path

from core.normalise import normalise

_WORD = re.compile(r"[가-힣]+|[^\W_가-힣]+")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


@cache
def stop_words() -> frozenset[str]:
    """English words that say nothing by themselves, 318 of them; search leaves out but 33, see ``tokenise``."""
    # Loading it takes seconds that a search need not wait for.
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return frozenset(ENGLISH_STOP_WORDS)


@cache
def _left_out() -> frozenset[str]:
    # The package of these 33 words brings a compiler along (numba): 60 MB that most processes have no use for. The file
    # itself imports nothing.
    package = find_spec("bm25s")
    assert package is not None and package.origin is not None
    return frozenset(run_path(str(Path(package.origin).with_name("stopwords.py")))["STOPWORDS_EN"])


def tokenise(text: str, all_words: bool = False) -> list[str]:
    """Words for keyword search, in order, folded and without the commonest English ones.

    Args:
        text: Anything; it is normalised, so that full-width forms and decomposed Hangul match. "CO2" finds CO₂, but
            "106" does not find 10⁶.
        all_words: Keep the commonest ones, too: knowing them takes a package that answering does without.
    """
    tokens: list[str] = []
    for word in _WORD.findall(normalise(text).translate(_SUBSCRIPTS).casefold()):
        if "가" <= word[0] <= "힣":
            tokens.append(word)
            if len(word) > 2:
                tokens.extend(word[i : i + 2] for i in range(len(word) - 1))
        elif all_words or word not in _left_out():
            tokens.append(_singular(word))
    return tokens


def _singular(word: str) -> str:
    """Drops the s of a plural, after the S-stemmer of Harman (1991)."""
    if len(word) <= 3 or not word.endswith("s") or word.endswith(("us", "ss")):
        return word
    if word.endswith("ies") and not word.endswith(("eies", "aies")):
        return word[:-3] + "y"
    return word[:-1]
