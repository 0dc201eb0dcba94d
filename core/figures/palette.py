"""Colours that mean the same thing on every page, chosen to stay apart for colour-blind eyes.

Arms and spans take the hues of Okabe and Ito (2008), tuned to a middle lightness so that each reads on white and on
near-black. Colour never stands alone: arms have a symbol, bars carry their name or number.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ArmStyle:
    """How an arm is drawn.

    Attributes:
        colour: Hex colour.
        icon: Name of its Material symbol.
        marker: Plotly marker symbol.
    """

    colour: str
    icon: str
    marker: str


ARMS: dict[str, ArmStyle] = {
    "rag": ArmStyle("#2f7fc1", "article", "circle"),
    "redis-rag": ArmStyle("#b5533c", "bolt", "triangle-up"),
    "cag": ArmStyle("#c27a0a", "hexagon", "hexagon"),
    "composed": ArmStyle("#a0522d", "join", "hexagon2"),
    "memory": ArmStyle("#a84f93", "blur_on", "diamond"),
    "closed-book": ArmStyle("#7d8590", "block", "x"),
    "bm25": ArmStyle("#3b9188", "match_word", "square"),
    "oracle": ArmStyle("#6a8f2c", "verified", "star"),
    "wrong-cell": ArmStyle("#8a6d3b", "wrong_location", "hexagon-open"),
    "shuffled-memory": ArmStyle("#7d6bc4", "shuffle", "diamond-open"),
}
_UNKNOWN_ARM = ArmStyle("#4a9d8f", "extension", "square")

SPANS: dict[str, str] = {
    "encode": "#63b3e4",
    "cache lookup": "#b0682f",
    "retrieve": "#17967c",
    "route": "#6a8f2c",
    "load cache": "#c27a0a",
    "prefill": "#2f6fb2",
    "read z": "#7d6bc4",
    "evidence": "#a84f93",
    "decode": "#8a90a0",
}
_SPARE = ("#c8553d", "#a89a2a", "#5b6bbf", "#6d8f3c")

ACCENT = "#0f7b6c"
ALERT = "#c8553d"
MUTED = "#8a90a0"


def arm(name: str) -> ArmStyle:
    """The style of an arm; arms added later get a neutral one."""
    return ARMS.get(name, _UNKNOWN_ARM)


def span_colour(name: str) -> str:
    """The colour of a span; an unknown name always gets the same spare colour."""
    return SPANS.get(name) or _SPARE[sum(name.encode()) % len(_SPARE)]


def ink_on(colour: str) -> str:
    """Black or white, whichever is easier to read on ``colour``.

    Uses the relative luminance of WCAG 2.1 and the better of the two contrast ratios.
    """
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    white, black = 1.05 / (luminance + 0.05), (luminance + 0.05) / 0.05
    return "#ffffff" if white >= black else "#16181d"
