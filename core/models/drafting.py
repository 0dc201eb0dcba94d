"""Guessing how a text goes on from what has been read, so that a model can check several tokens in one pass.

Answers are mostly copied from passages: where the last tokens stand in the text already, what followed them there is
likely to follow here (Saxena, "Prompt Lookup Decoding", 2023, github.com/apoorvumang/prompt-lookup-decoding). A guess
costs next to nothing to check, because reading the weights takes as long for five tokens as for one, and a wrong one
changes nothing: only tokens that greedy decoding chooses are kept (Leviathan et al., arXiv 2211.17192).
"""

from __future__ import annotations

from collections.abc import Sequence

_LONGEST = 3
"""Tokens that are compared; a longer match is no better a guess."""


def draft(seen: Sequence[int], most: int) -> list[int]:
    """What followed the latest earlier occurrence of the longest ending of ``seen``, up to ``_LONGEST`` tokens of it.

    Args:
        seen: All tokens so far.
        most: Tokens to guess at most.

    Returns:
        The guess; empty when the last token has not been seen before.
    """
    if most < 1 or not seen:
        return []
    best, longest, place = -1, 0, -1
    last, end = seen[-1], len(seen) - 1
    while (place := _find(seen, last, place + 1, end)) >= 0:
        matched = 1
        while matched < min(_LONGEST, place + 1) and seen[place - matched] == seen[end - matched]:
            matched += 1
        if matched >= longest:
            best, longest = place, matched
    return list(seen[best + 1 : best + 1 + most]) if longest else []


def _find(seen: Sequence[int], token: int, start: int, end: int) -> int:
    try:
        return seen.index(token, start, end)
    except ValueError:
        return -1
