"""Text that came from documents or models, kept from acting as Markdown."""

from __future__ import annotations

_SPECIAL = frozenset("\\`*_{}[]()#+-!|~$<>:&")


def escape(text: str) -> str:
    """Text that Markdown shows as it stands, on one line."""
    marked = "".join(f"\\{character}" if character in _SPECIAL else character for character in text)
    return " ".join(marked.split())
