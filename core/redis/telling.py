"""What the answer cache did, in a sentence, the same on the command line and on the pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.figures.units import milliseconds, seconds
from core.said import said


def cache_sentence(details: Mapping[str, Any]) -> str:
    """From the details of an answer; empty where no cache was asked.

    Args:
        details: See ``Answer.details``.
    """
    outcome = details.get("cache", "")
    if outcome == "miss":
        if "not_kept" in details:
            return said("miss: answered anew; not kept: {why}", why=said(details["not_kept"]))
        return "miss: answered anew, and kept"
    if outcome == "exact":
        return said("hit, the same words: {time} saved", time=_saved(details))
    if outcome == "semantic":
        return said(
            "hit, distance {distance:.3f} from {question!r}: {time} saved",
            distance=details["cache_distance"],
            question=details["cache_question"],
            time=_saved(details),
        )
    return ""


def _saved(details: Mapping[str, Any]) -> str:
    saved = float(details["saved_ms"])
    return seconds(saved) if saved >= 100 else milliseconds(saved)
