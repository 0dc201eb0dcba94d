"""What the answer cache did, in a sentence, the same on the command line and on the pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.figures.units import milliseconds, seconds


def cache_sentence(details: Mapping[str, Any]) -> str:
    """From the details of an answer; empty where no cache was asked.

    Args:
        details: See ``Answer.details``.
    """
    outcome = details.get("cache", "")
    if outcome == "miss":
        return "miss: answered anew" + (f"; not kept: {details['not_kept']}" if "not_kept" in details else ", and kept")
    if outcome == "exact":
        return f"hit, the same words: {_saved(details)} saved"
    if outcome == "semantic":
        distance = f"distance {details['cache_distance']:.3f}"
        return f"hit, {distance} from {details['cache_question']!r}: {_saved(details)} saved"
    return ""


def _saved(details: Mapping[str, Any]) -> str:
    saved = float(details["saved_ms"])
    return seconds(saved) if saved >= 100 else milliseconds(saved)
