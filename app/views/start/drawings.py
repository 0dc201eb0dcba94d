"""The drawings of the three methods, with their labels in the session's language."""

from __future__ import annotations

from app.i18n import t
from core.settings import ROOT

WORDS = (
    "model",
    "search",
    "text in prompt",
    "reads it all",
    "nearest cells",
    "stored KV blocks",
    "continues",
    "model routes over Z",
    "reads Z, answers",
)
"""All that is written in the drawings."""


def drawing(name: str) -> str:
    """The SVG of a way.

    Args:
        name: "rag", "cag" or "memory".
    """
    svg = (ROOT / "assets" / "ways" / f"{name}.svg").read_text(encoding="utf-8")
    for words in WORDS:
        svg = svg.replace(f">{words}</text>", f">{t(words)}</text>")
    return svg
