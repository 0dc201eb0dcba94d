"""Words for keyword search, in English and Korean alike, without a morphological analyser.

Korean glues particles to nouns: the "도서관에는" of a passage must be found by "도서관". Each run of Hangul therefore
also counts as its overlapping pairs of syllables, as in the CJK analyser of Lucene.
"""

from __future__ import annotations

import re
import unicodedata

from bm25s.stopwords import STOPWORDS_EN

_WORD = re.compile(r"[가-힣]+|[^\W_가-힣]+")


def tokenise(text: str) -> list[str]:
    """Words of a text, in order, folded and without English stop words.

    Args:
        text: Anything; it is normalised to NFKC, so that full-width forms and decomposed Hangul match.
    """
    tokens: list[str] = []
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).casefold()):
        if "가" <= word[0] <= "힣":
            tokens.append(word)
            if len(word) > 2:
                tokens.extend(word[i : i + 2] for i in range(len(word) - 1))
        elif word not in STOPWORDS_EN:
            tokens.append(_singular(word))
    return tokens


def _singular(word: str) -> str:
    """Drops the s of a plural, after the S-stemmer of Harman (1991)."""
    if len(word) <= 3 or not word.endswith("s") or word.endswith(("us", "ss")):
        return word
    if word.endswith("ies") and not word.endswith(("eies", "aies")):
        return word[:-3] + "y"
    return word[:-1]
