"""Prompt lookup decoding: drafts the next tokens from the text read so far, so that one pass can verify several.

Answers are mostly copied from passages, so where the last tokens occurred before, the tokens that followed them are
likely to follow again (Saxena, "Prompt Lookup Decoding", 2023, github.com/apoorvumang/prompt-lookup-decoding).
Verifying a draft costs next to nothing, because reading the weights takes as long for five tokens as for one. Wrong
drafts change nothing: only tokens that greedy decoding chooses are accepted (Leviathan et al., arXiv 2211.17192).
"""

from __future__ import annotations

from collections.abc import Sequence

_LONGEST = 3
"""Most tokens to match; longer matches did not draft better."""


def draft(seen: Sequence[int], limit: int) -> list[int]:
    """Finds the longest suffix of ``seen`` (up to ``_LONGEST`` tokens) that occurred before, and returns what followed.

    Returns:
        The tokens after the latest such occurrence; empty if the last token has not occurred before.
    """
    if limit < 1 or not seen:
        return []
    best, longest, position = -1, 0, -1
    last, end = seen[-1], len(seen) - 1
    while (position := _find(seen, last, position + 1, end)) >= 0:
        matched = 1
        while matched < min(_LONGEST, position + 1) and seen[position - matched] == seen[end - matched]:
            matched += 1
        if matched >= longest:
            best, longest = position, matched
    return list(seen[best + 1 : best + 1 + limit]) if longest else []


def _find(seen: Sequence[int], token: int, start: int, end: int) -> int:
    try:
        return seen.index(token, start, end)
    except ValueError:
        return -1
