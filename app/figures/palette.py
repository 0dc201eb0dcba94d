"""Colours that mean the same thing on every page, chosen to stay apart for colour-blind eyes.

Methods and spans take the hues of Okabe and Ito (2008), tuned to a middle lightness so that each reads on white and on
near-black. Colour never stands alone: methods have a symbol, bars carry their name or number.
"""

from __future__ import annotations

from core.methods.registry import METHODS
from core.methods.spec import MethodStyle

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
_UNKNOWN_METHOD = MethodStyle("#4a9d8f", "extension", "square")
SPARE = ("#c8553d", "#a89a2a", "#5b6bbf", "#6d8f3c")

ACCENT = "#0f7b6c"
ALERT = "#c8553d"
MUTED = "#8a90a0"


def method_style(name: str) -> MethodStyle:
    """The style of a method; a neutral one where a file names a method that is there no more."""
    return METHODS[name].style if name in METHODS else _UNKNOWN_METHOD


def span_colour(name: str) -> str:
    """The colour of a span; an unknown name always gets the same spare colour."""
    return SPANS.get(name) or SPARE[sum(name.encode()) % len(SPARE)]


def ink_on(colour: str) -> str:
    """Black or white, whichever is easier to read on ``colour``.

    Uses the relative luminance of WCAG 2.1 and the better of the two contrast ratios.
    """
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    white, black = 1.05 / (luminance + 0.05), (luminance + 0.05) / 0.05
    return "#ffffff" if white >= black else "#16181d"
